"""Segment files and folders of images, and save the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ....registry import PluxelError
from ...common.logs import images_counted, logger
from ...common.progress import track
from ...contracts.inputs import PLAIN
from ...data.images import IMAGE_SUFFIXES, image_files
from ...data.missing import missing_pixels
from ...data.pixels import ImageError
from ...data.places import Georeference, place_of, place_of_raster
from ...data.raster_files import is_raster
from ...data.rasters import Raster, open_raster
from ...geometry.regions import Region
from .outputs import OUTPUT_KINDS, OutputKind, output_kinds
from .pipeline import Pipeline, Tile
from .rasters import raster_writer


@images_counted()
def predict_files(
    pipeline: Pipeline,
    paths: Iterable[Path],
    output: Path,
    kinds: Collection[str],
    *,
    overwrite: bool = False,
    stop_on_error: bool = False,
    tile: Tile = "auto",
) -> list[Path]:
    """Segment images and folders of images; return the images that could not be read.

    Any later error, such as a full disk, would affect the next image too, so it ends the run.

    Image ``a/b.jpg`` in folder ``a`` becomes ``output/KIND/b.png``, or ``output/HEAD/KIND/b.png``
    with several heads. A TIFF that is large or georeferenced is read and written by windows, and
    becomes ``b.tif``, as does any other image with a place on the ground. ``kinds``: names of
    `OUTPUT_KINDS`. ``overwrite``: whether to replace earlier results. ``tile``: as for
    ``Pipeline.predict``.

    Raises: PluxelError for an unknown kind, for a model with several inputs, without images, if a
    result already exists, or if one cannot be computed or written; with ``stop_on_error``, also
    for the first image that cannot be read.
    """
    saver = _Saver(pipeline, output, output_kinds(kinds), tile)
    inputs = pipeline.model.input_names
    if len(inputs) > 1:
        parts = ", ".join(f"'{name}': …" for name in inputs)
        raise PluxelError(
            f"the model reads {', '.join(inputs)}, and file paths do not say which input each "
            f"file is. In Python, pass them by name: Pipeline.load(run)({{{parts}}})"
        )
    names = output_names(find_images(paths))
    for existing in () if overwrite else saver.existing(names.values()):
        raise PluxelError(f"{existing} already exists; --overwrite replaces it")
    failed = []
    with track("predicting", len(names)) as advance:
        for path, name in names.items():
            try:
                saver.save(path, name)
            except ImageError as error:
                if stop_on_error:
                    raise
                logger.error("skipped: %s", error)
                failed.append(path)
            advance(note=str(path.name))
    return failed


@dataclass(frozen=True)
class _Saver:
    """Saves the predictions of a pipeline with one input; reads each file or window once."""

    pipeline: Pipeline
    output: Path
    kinds: Sequence[OutputKind]
    tile: Tile

    def save(self, path: Path, name: Path) -> None:
        """Segment one file and save the results as ``name`` plus suffixes.

        Raises: ImageError if the file cannot be read, PluxelError for any later failure.
        """
        if path.is_file() and is_raster(path):
            (key,) = self.pipeline.model.input_names
            spec = self.pipeline.inputs.get(key, PLAIN)
            with open_raster(path, self.pipeline.channels[key], spec) as raster:
                place = place_of_raster(raster.source)
                by_windows = place is not None or self.pipeline.is_tiled(raster.size, self.tile)
                if by_windows and raster.source.orientation == 1:
                    self._save_windows(raster, key, name, place)
                    return
            self._save_whole(self.pipeline.read(path), name, place)
        else:
            inputs = self.pipeline.read(path)
            self._save_whole(inputs, name, place_of(path))

    def existing(self, names: Iterable[Path]) -> Iterator[Path]:
        """Yield the results that exist already."""
        for name, head, kind in product(names, self.pipeline.spaces, self.kinds):
            for suffix in {kind.suffix, ".tif"}:
                if (target := self._target(head, kind, name, suffix)).exists():
                    yield target

    def _save_whole(
        self, inputs: Mapping[str, np.ndarray], name: Path, place: Georeference | None
    ) -> None:
        (image,) = inputs.values()
        whole = Region(range(image.shape[0]), range(image.shape[1]))
        lacks_data = missing_pixels(image) is not None
        predictions = self.pipeline.predict_raw(
            inputs, probabilities=self._needs_probabilities, tile=self.tile
        )
        for head, prediction in predictions.items():
            for kind in self.kinds:
                pixels = kind.pixels(prediction, image if kind.needs_image else None)
                suffix = kind.suffix if place is None else ".tif"
                target = self._target(head, kind, name, suffix)
                if place is None:
                    kind.write(target, pixels, prediction.space)
                    continue
                bands = kind.bands(prediction.space)
                with raster_writer(
                    target, whole.size, place, *bands, may_lack_data=lacks_data
                ) as write:
                    write(whole, pixels, prediction.missing)

    def _save_windows(
        self, raster: Raster, key: str, name: Path, place: Georeference | None
    ) -> None:
        """Predict a raster by windows; the output rasters appear only when all are complete."""
        with ExitStack() as files:
            writers = {
                (head, kind): files.enter_context(
                    raster_writer(
                        self._target(head, kind, name, ".tif"),
                        raster.size,
                        place,
                        *kind.bands(space),
                        may_lack_data=raster.may_lack_data,
                    )
                )
                for head, space in self.pipeline.spaces.items()
                for kind in self.kinds
            }
            for piece in self.pipeline.pieces(
                lambda region: {key: raster.read(region)},
                raster.size,
                probabilities=self._needs_probabilities,
                pixels=any(kind.needs_image for kind in self.kinds),
                tile=self.tile,
            ):
                for (head, kind), write in writers.items():
                    image = piece.pixels[key] if kind.needs_image else None
                    prediction = piece.predictions[head]
                    write(piece.region, kind.pixels(prediction, image), prediction.missing)

    @property
    def _needs_probabilities(self) -> bool:
        return any(kind.needs_probabilities for kind in self.kinds)

    def _target(self, head: str, kind: OutputKind, name: Path, suffix: str) -> Path:
        folder = self.output / head if len(self.pipeline.spaces) > 1 else self.output
        target = folder / kind.name / name
        return target.with_name(target.name + suffix)


def find_images(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return pairs of a file and its name below the given path; search folders recursively.

    Raises: PluxelError for a path that does not exist, or if no image is found.
    """
    found = [pair for path in paths for pair in _expand(path)]
    if not found:
        raise PluxelError(f"no images found; supported: {', '.join(sorted(IMAGE_SUFFIXES))}")
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
    """Return a unique name, without suffix, for the results of each image.

    If ``a.jpg`` and ``a.png`` collide, names keep their suffixes; a number distinguishes images
    with equal full names, and results that would have the name of a folder. A file that is given
    several times is named once.
    """
    unique = {}
    for path, name in images:
        unique.setdefault(path.parent.resolve() / path.name, (path, name))
    stems = Counter(name.with_suffix("") for _, name in unique.values())
    wanted = [
        (path, name if stems[name.with_suffix("")] > 1 else name.with_suffix(""))
        for path, name in unique.values()
    ]
    taken = {name for _, name in wanted}
    folders = {parent for _, name in wanted for parent in name.parents}
    suffixes = {".tif", *(kind.suffix for kind in OUTPUT_KINDS)}
    names, given = {}, set[Path]()
    for path, name in wanted:
        chosen, number = name, 1
        while (
            chosen in given
            or (number > 1 and chosen in taken)
            or any(Path(f"{chosen}{suffix}") in folders for suffix in suffixes)
        ):
            number += 1
            chosen = name.with_name(f"{name.name}-{number}")
        given.add(chosen)
        names[path] = chosen
    return names
