"""Segment files and folders of images, and save the results."""

from __future__ import annotations

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
from ...data.missing import missing_pixels, union
from ...data.pixels import ImageError
from ...data.places import Georeference, place_of, place_of_raster
from ...data.raster_files import is_raster
from ...data.rasters import Raster, open_raster
from ...geometry.regions import Region
from .choosing import Chosen, choose_files
from .outputs import OutputKind, output_kinds
from .pipeline import Pipeline, Tile
from .rasters import raster_writer

_FAR = np.float32(10_000)
"""The depth in millimeters that overlays show as white."""


@images_counted()
def predict_files(
    pipeline: Pipeline,
    paths: Sequence[Path] | Mapping[str, Path],
    output: Path,
    kinds: Collection[str],
    *,
    overwrite: bool = False,
    stop_on_error: bool = False,
    tile: Tile = "auto",
) -> list[Path]:
    """Segment images and folders of images; return the images that could not be read.

    ``paths``: files and folders; for a model with several inputs, a file or folder for each input,
    by name, as `choose_files` pairs them.

    Any later error, such as a full disk, would affect the next image too, so it ends the run.

    Image ``a/b.jpg`` in folder ``a`` becomes ``output/KIND/b.png``, or ``output/HEAD/KIND/b.png``
    with several heads. A TIFF that is large or georeferenced is read and written by windows, and
    becomes ``b.tif``, as does any other image with a place on the ground. ``kinds``: names of
    `OUTPUT_KINDS`. ``overwrite``: whether to replace earlier results. ``tile``: as for
    ``Pipeline.predict``.

    Raises: PluxelError for an unknown kind, for images without those of another input, without
    images, if a result already exists, or if one cannot be computed or written; with
    ``stop_on_error``, also for the first image that cannot be read.
    """
    saver = _Saver(pipeline, output, output_kinds(kinds), tile)
    chosen = choose_files(paths, pipeline.model.input_names)
    for existing in () if overwrite else saver.existing(one.name for one in chosen):
        raise PluxelError(f"{existing} already exists; --overwrite replaces it")
    failed = []
    with track("predicting", len(chosen)) as advance:
        for one in chosen:
            try:
                saver.save(one)
            except ImageError as error:
                if stop_on_error:
                    raise
                logger.error("skipped: %s", error)
                failed.append(one.main)
            advance(note=str(one.main.name))
    return failed


@dataclass(frozen=True)
class _Saver:
    """Saves the predictions of a pipeline; reads each file or window once."""

    pipeline: Pipeline
    output: Path
    kinds: Sequence[OutputKind]
    tile: Tile

    def save(self, chosen: Chosen) -> None:
        """Segment the files of a sample, and save the results under its name plus suffixes.

        Raises: ImageError if a file cannot be read, PluxelError for any later failure.
        """
        path, name = chosen.main, chosen.name
        if len(chosen.files) == 1 and path.is_file() and is_raster(path):
            (key,) = chosen.files
            spec = self.pipeline.inputs.get(key, PLAIN)
            with open_raster(path, self.pipeline.channels[key], spec) as raster:
                place = place_of_raster(raster.source)
                by_windows = place is not None or self.pipeline.is_tiled(raster.size, self.tile)
                if by_windows and raster.source.orientation == 1:
                    self._save_windows(raster, key, name, place)
                    return
            self._save_whole(self.pipeline.read(path), name, place)
        else:
            inputs = self.pipeline.read(dict(chosen.files))
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
        image = next(iter(inputs.values()))
        whole = Region(range(image.shape[0]), range(image.shape[1]))
        lacks_data = union(*map(missing_pixels, inputs.values())) is not None
        predictions = self.pipeline.predict_raw(
            inputs, probabilities=self._needs_probabilities, tile=self.tile
        )
        for head, prediction in predictions.items():
            for kind in self.kinds:
                pixels = kind.pixels(prediction, self._picture(kind, inputs))
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
                    prediction = piece.predictions[head]
                    pixels = kind.pixels(prediction, self._picture(kind, piece.pixels))
                    write(piece.region, pixels, prediction.missing)

    def _picture(self, kind: OutputKind, inputs: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return raw pixels to look at, of the first color image, else of the first input."""
        if not kind.needs_image:
            return None
        kinds = {name: self.pipeline.inputs.get(name, PLAIN).kind for name in inputs}
        name = next((name for name in inputs if kinds[name] == "color"), next(iter(inputs)))
        return inputs[name] / _FAR if kinds[name] == "depth" else inputs[name]

    @property
    def _needs_probabilities(self) -> bool:
        return any(kind.needs_probabilities for kind in self.kinds)

    def _target(self, head: str, kind: OutputKind, name: Path, suffix: str) -> Path:
        folder = self.output / head if len(self.pipeline.spaces) > 1 else self.output
        target = folder / kind.name / name
        return target.with_name(target.name + suffix)
