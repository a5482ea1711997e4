"""Predictions as files: raw ids, colours, overlays, probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..registry import PluxelError
from .files import replacing
from .images import IMAGE_SUFFIXES, image_files, write_mask
from .logs import logger
from .predict import Pipeline, Prediction
from .progress import track


def predict_files(
    pipeline: Pipeline,
    paths: Iterable[Path],
    output: Path,
    kinds: Collection[str],
    *,
    stop_on_error: bool = False,
) -> list[Path]:
    """Segment images and folders of images; return those that could not be read.

    Image ``a/b.jpg`` found in folder ``a`` becomes ``output/KIND/b.png``; with several heads,
    ``output/HEAD/KIND/b.png``. ``kinds``: any of ``index``, ``color``, ``overlay``, ``prob``.

    Raises: PluxelError for a model of several inputs, if there is no image at all, and for the
    first one that cannot be read if ``stop_on_error``.
    """
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
                _predict_one(pipeline, path, output, name, kinds)
            except PluxelError as error:
                if stop_on_error:
                    raise
                logger.error("left out: %s", error)
                failed.append(path)
            advance(note=str(path.name))
    return failed


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


def _predict_one(
    pipeline: Pipeline, path: Path, output: Path, name: Path, kinds: Collection[str]
) -> None:
    inputs = pipeline.read(path)
    image = next(iter(inputs.values()))
    predictions = pipeline.predict(inputs, probabilities="prob" in kinds)
    for head, prediction in predictions.items():
        folder = output / head if len(predictions) > 1 else output
        for kind in kinds:
            save(prediction, image, kind, folder / kind / name)


def save(prediction: Prediction, image: np.ndarray, kind: str, target: Path) -> None:
    """Save one kind of result under ``target``, to which the suffix is added."""
    if kind == "index":
        packed = prediction.space.label_map.packed_rgb
        write_mask(_suffixed(target, ".png"), prediction.mask, packed_rgb=packed)
    elif kind == "prob":
        with replacing(_suffixed(target, ".npz")) as unfinished:
            np.savez_compressed(
                unfinished,
                probabilities=_float16(prediction),
                class_names=np.array(prediction.space.class_names),
            )
    else:
        picture = prediction.color if kind == "color" else prediction.overlay(image)
        with replacing(_suffixed(target, ".png")) as unfinished:
            Image.fromarray(picture).save(unfinished, format="PNG")


def _float16(prediction: Prediction) -> np.ndarray:
    if prediction.probabilities is None:
        raise PluxelError("this prediction was made without probabilities")
    return prediction.probabilities.astype(np.float16)


def _suffixed(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)
