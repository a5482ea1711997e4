"""Predictions as files: raw ids, colors, overlays, probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from ....registry import PluxelError, did_you_mean
from ...common.files import replacing
from ...common.logs import logger
from ...common.progress import track
from ...contracts.colors import unpack
from ...data.images import IMAGE_SUFFIXES, ImageError, image_files, write_mask
from .pipeline import Pipeline, Prediction, Tile
from .rasters import Raster, Write, can_be_windowed, open_raster, raster_writer

KINDS = ("index", "color", "overlay", "prob")
"""What can be saved of a prediction: raw ids, colors, colors over the image, probabilities."""


def check_kinds(kinds: Iterable[str]) -> None:
    """Refuse what is none of `KINDS`. Raises: PluxelError."""
    for kind in kinds:
        if kind not in KINDS:
            raise PluxelError(f"{kind!r} is none of {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}")


def predict_files(
    pipeline: Pipeline,
    paths: Iterable[Path],
    output: Path,
    kinds: Collection[str],
    *,
    stop_on_error: bool = False,
    tile: Tile = "auto",
) -> list[Path]:
    """Segment images and folders of images; return those that could not be read.

    What goes wrong after reading, a full disk above all, would go wrong again: it ends the run.

    Image ``a/b.jpg`` found in folder ``a`` becomes ``output/KIND/b.png``; with several heads,
    ``output/HEAD/KIND/b.png``. ``kinds``: any of `KINDS`.
    ``tile``: as for ``Pipeline.predict``. A TIFF that goes through in tiles, or that says where on
    Earth it lies, is read and written by windows, and becomes ``b.tif``.

    Raises: PluxelError for an unknown kind, a model of several inputs, if there is no image at all,
    where a result cannot be made or written, and for the first image that cannot be read if
    ``stop_on_error``.
    """
    check_kinds(kinds)
    inputs = pipeline.model.input_names
    if len(inputs) > 1:
        parts = ", ".join(f"'{name}': …" for name in inputs)
        raise PluxelError(
            f"the model reads {', '.join(inputs)} together, and paths do not say which file is "
            f"which. In Python, Pipeline.load(run)({{{parts}}}) takes them by name"
        )
    names = output_names(find_images(paths))
    failed = []
    with track("predicting", len(names)) as advance:
        for path, name in names.items():
            try:
                _predict_one(pipeline, path, output, name, kinds, tile)
            except ImageError as error:
                if stop_on_error:
                    raise
                logger.error("left out: %s", error)
                failed.append(path)
            advance(note=str(path.name))
    return failed


def _predict_one(
    pipeline: Pipeline, path: Path, output: Path, name: Path, kinds: Collection[str], tile: Tile
) -> None:
    """Segment one file.

    Raises: ImageError for one that cannot be read, another PluxelError for what comes after.
    """
    if can_be_windowed(path):
        (key,) = pipeline.model.input_names
        with open_raster(path, pipeline.channels[key]) as raster:
            if raster.is_placed or pipeline.cuts(raster.size, tile):
                _stream(pipeline, raster, output, name, kinds, tile)
                return
    _save_all(pipeline, pipeline.read(path), output, name, kinds, tile)


def _stream(
    pipeline: Pipeline,
    raster: Raster,
    output: Path,
    name: Path,
    kinds: Collection[str],
    tile: Tile,
) -> None:
    """Predict a file window by window into files of the same kind; all of them appear, or none."""
    (key,) = pipeline.model.input_names
    pieces = pipeline.pieces(
        lambda region: {key: raster.read(region)}, raster.size, "prob" in kinds, tile
    )
    with ExitStack() as files:
        writers: dict[tuple[str, str], Write] = {}
        for region, predictions in pieces:
            image = raster.read(region) if "overlay" in kinds else None
            for head, prediction in predictions.items():
                for kind in kinds:
                    if (head, kind) not in writers:
                        target = _folder(output, head, predictions) / kind / name
                        writers[head, kind] = files.enter_context(
                            _open(prediction, kind, raster, _suffixed(target, ".tif"))
                        )
                    writers[head, kind](region, _picture(prediction, kind, image))


def _open(
    prediction: Prediction, kind: str, raster: Raster, path: Path
) -> AbstractContextManager[Write]:
    """Open the file of one kind of result."""
    if kind == "prob":
        return raster_writer(path, raster, "float32", prediction.space.class_names)
    if kind == "index" and not prediction.space.label_map.packed_rgb:
        largest = max(prediction.space.label_map.ids)
        return raster_writer(path, raster, "uint8" if largest <= 255 else "uint16")
    return raster_writer(path, raster, "uint8", ("red", "green", "blue"))


def _picture(prediction: Prediction, kind: str, image: np.ndarray | None) -> np.ndarray:
    """Return pixels of one kind of result, (h, w) or (h, w, bands)."""
    if kind == "prob":
        return np.moveaxis(_probabilities(prediction), 0, -1)
    if kind == "overlay" and image is not None:
        return prediction.overlay(image)
    if kind == "color":
        return prediction.color
    packed = prediction.space.label_map.packed_rgb
    return np.stack(unpack(prediction.mask), -1) if packed else prediction.mask


def find_images(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return (file, its name below the path that was given), folders searched wholly, sorted.

    Raises: PluxelError for a path that is not there, or if nothing is found.
    """
    found = [pair for path in paths for pair in _expand(path)]
    if not found:
        raise PluxelError(f"no images there; they end in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return found


def _expand(path: Path) -> Iterator[tuple[Path, Path]]:
    if path.is_dir():
        for file in image_files(path):
            yield file, file.relative_to(path)
    elif path.exists():
        yield path, Path(path.name)
    else:
        raise PluxelError(f"{path} does not exist")


def output_names(images: Sequence[tuple[Path, Path]]) -> dict[Path, Path]:
    """Return the name without suffix that each image's results get, none of them twice.

    Where ``a.jpg`` and ``a.png`` meet, their suffixes stay; where even the full names are alike,
    a number tells them apart.
    """
    unique = dict(images)
    stems = Counter(name.with_suffix("") for name in unique.values())
    taken: Counter[Path] = Counter()
    names = {}
    for path, name in unique.items():
        chosen = name.with_suffix("") if stems[name.with_suffix("")] == 1 else name
        taken[chosen] += 1
        again = taken[chosen]
        names[path] = chosen if again == 1 else chosen.with_name(f"{chosen.name}-{again}")
    return names


def _save_all(
    pipeline: Pipeline,
    inputs: Mapping[str, np.ndarray],
    output: Path,
    name: Path,
    kinds: Collection[str],
    tile: Tile,
) -> None:
    image = next(iter(inputs.values()))
    predictions = pipeline.predict(inputs, probabilities="prob" in kinds, tile=tile)
    for head, prediction in predictions.items():
        for kind in kinds:
            _save(prediction, image, kind, _folder(output, head, predictions) / kind / name)


def _folder(output: Path, head: str, heads: Collection[str]) -> Path:
    return output / head if len(heads) > 1 else output


def _save(prediction: Prediction, image: np.ndarray, kind: str, target: Path) -> None:
    """Save one kind of result under ``target``, to which the suffix is added."""
    if kind == "index":
        packed = prediction.space.label_map.packed_rgb
        write_mask(_suffixed(target, ".png"), prediction.mask, packed_rgb=packed)
    elif kind == "prob":
        with replacing(_suffixed(target, ".npz")) as unfinished:
            np.savez_compressed(
                unfinished,
                probabilities=_probabilities(prediction).astype(np.float16),
                class_names=np.array(prediction.space.class_names),
            )
    else:
        picture = prediction.color if kind == "color" else prediction.overlay(image)
        with replacing(_suffixed(target, ".png")) as unfinished:
            Image.fromarray(picture).save(unfinished, format="PNG")


def _probabilities(prediction: Prediction) -> np.ndarray:
    if prediction.probabilities is None:
        raise PluxelError("this prediction was made without probabilities")
    return prediction.probabilities


def _suffixed(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)
