"""Segment files and folders of images and videos, and save the results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np

from ....registry import PluxelError
from ...common.logs import images_counted, logger
from ...common.progress import track
from ...contracts.inputs import PLAIN, shown_input
from ...data.missing import missing_pixels, union
from ...data.pixels import ImageError
from ...data.places import Georeference, place_of, place_of_raster
from ...data.raster_files import is_raster
from ...data.rasters import Raster, open_raster
from ...data.results import OVERLAY
from ...data.videos import Sound, open_clip
from ...geometry.regions import Region, Size
from ...pictures.inputs import background
from .choosing import Chosen, choose_files
from .clips import DamagedClip, check_replaceable, check_videos, clip_writer
from .outputs import VIDEO_SUFFIX, OutputKind, output_kinds
from .overlay_pages import OverlayPage
from .overlay_summary import OverlaySummary
from .pipeline import Pipeline, Tile
from .prediction import Prediction
from .rasters import raster_writer


@dataclass
class SavedFiles:
    """The files that have results, and those that could not be read completely.

    A video that is damaged has the results of the frames that can be read, so it is among both.
    """

    saved: list[Path] = field(default_factory=list)
    failed: list[Path] = field(default_factory=list)


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
) -> SavedFiles:
    """Segment images, videos and folders of them; return what became of them.

    ``paths``: files and folders; for a model with several inputs, a file or folder for each input,
    by name, as `choose_files` pairs them.

    Any later error, such as a full disk, would affect the next image too, so it ends the run.

    Image ``a/b.jpg`` in folder ``a`` becomes ``output/KIND/b.png``, or ``output/HEAD/KIND/b.png``
    with several heads. A TIFF that is large or georeferenced is read and written by windows, and
    becomes ``b.tif``, as does any other image with a place on the ground. A video becomes what
    ``OutputKind.of_videos`` says. Overlays get a page with links to them. ``kinds``: names of
    `OUTPUT_KINDS`. ``overwrite``: whether to replace earlier results. ``tile``: as for
    ``Pipeline.predict``.

    Raises: PluxelError for an unknown kind, for images without those of another input, without
    images, if a result already exists, or if one cannot be computed or written; with
    ``stop_on_error``, also for the first image that cannot be read.
    """
    saver = _Saver(pipeline, output, output_kinds(kinds), tile, stop_on_error)
    chosen = choose_files(paths, pipeline.model.input_names)
    if len(chosen) > 1 or any(path.is_dir() for path in _each(paths)):
        saver = replace(saver, pages=saver.new_pages())
    for page in saver.pages.values():
        page.check([one.name for one in chosen], overwrite=overwrite)
    first = pipeline.model.input_names[0]
    clips = [one.main for one in chosen if one.is_video]
    spec = pipeline.inputs.get(first, PLAIN)
    check_videos(clips, saver.kinds, pipeline.channels[first], spec)
    for existing in saver.existing(chosen):
        if not overwrite:
            raise PluxelError(f"{existing} already exists; --overwrite replaces it")
        check_replaceable(existing)
    found = SavedFiles()
    with track("predicting", len(chosen)) as advance, ExitStack() as at_the_end:
        for page in saver.pages.values():
            at_the_end.callback(page.write)  # also after an error, with what is done
        for one in chosen:
            try:
                saver.save(one)
                found.saved.append(one.main)
            except DamagedClip as error:
                logger.error("%s; the results contain these", error)
                found.saved.append(one.main)
                found.failed.append(one.main)
            except ImageError as error:
                if stop_on_error:
                    raise
                logger.error("skipped: %s", error)
                found.failed.append(one.main)
            advance(note=str(one.main.name))
    return found


def _each(paths: Sequence[Path] | Mapping[str, Path]) -> Iterable[Path]:
    return paths.values() if isinstance(paths, Mapping) else paths


def _whole(size: Sequence[int]) -> Region:
    return Region(range(size[0]), range(size[1]))


@dataclass(frozen=True)
class _Saver:
    """Saves the predictions of a pipeline; reads each file or window once.

    ``pages``: the page of the overlays of each head; empty without pages.
    """

    pipeline: Pipeline
    output: Path
    kinds: Sequence[OutputKind]
    tile: Tile
    stop_on_error: bool
    pages: Mapping[str, OverlayPage] = field(default_factory=dict)

    def new_pages(self) -> dict[str, OverlayPage]:
        """Return a page of the overlays for each head, if they are saved."""
        if not any(kind.name == OVERLAY for kind in self.kinds):
            return {}
        spaces = self.pipeline.spaces
        title = "Overlays: {}" if len(spaces) > 1 else "Overlays"
        return {
            head: OverlayPage(self._folder(head), title.format(head), space)
            for head, space in spaces.items()
        }

    def _summaries(self, size: Size) -> Mapping[str, OverlaySummary]:
        return {head: OverlaySummary(page.space, size) for head, page in self.pages.items()}

    def _list(
        self,
        name: Path,
        suffix: str,
        summaries: Mapping[str, OverlaySummary],
        frames: int | None = None,
    ) -> None:
        """Add an image or a video to the pages."""
        for head, summary in summaries.items():
            self.pages[head].add(name, suffix, summary, frames)

    def save(self, chosen: Chosen) -> None:
        """Segment the files of a sample, and save the results under its name plus suffixes.

        Raises: ImageError if a file cannot be read, PluxelError for any later failure.
        """
        path, name = chosen.main, chosen.name
        if chosen.is_video:
            self._save_clip(path, name)
        elif len(chosen.files) == 1 and path.is_file() and is_raster(path):
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

    def existing(self, chosen: Iterable[Chosen]) -> Iterator[Path]:
        """Yield the results that exist already."""
        for one, head, kind in product(chosen, self.pipeline.spaces, self.kinds):
            for suffix in [kind.video_suffix] if one.is_video else {kind.suffix, ".tif"}:
                if (target := self._target(head, kind, one.name, suffix)).exists():
                    yield target

    def _save_whole(
        self, inputs: Mapping[str, np.ndarray], name: Path, place: Georeference | None
    ) -> None:
        image = next(iter(inputs.values()))
        whole = _whole(image.shape)
        lacks_data = union(*map(missing_pixels, inputs.values())) is not None
        predictions = self.pipeline.predict_raw(
            inputs, probabilities=self._needs_probabilities, tile=self.tile
        )
        summaries = self._summaries(whole.size)
        for head, prediction in predictions.items():
            for kind in self.kinds:
                pixels = self._drawn(kind, prediction, inputs, whole, summaries.get(head))
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
        self._list(name, ".png" if place is None else ".tif", summaries)

    def _save_windows(
        self, raster: Raster, key: str, name: Path, place: Georeference | None
    ) -> None:
        """Predict a raster by windows; the output rasters appear only when all are complete."""
        summaries = self._summaries(raster.size)
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
                    prediction, summary = piece.predictions[head], summaries.get(head)
                    pixels = self._drawn(kind, prediction, piece.pixels, piece.region, summary)
                    write(piece.region, pixels, prediction.missing)
        self._list(name, ".tif", summaries)

    def _save_clip(self, path: Path, name: Path) -> None:
        """Predict a video frame by frame; its results appear only when all are complete."""
        (key,) = self.pipeline.model.input_names
        with open_clip(path, self.pipeline.channels[key]) as clip, ExitStack() as files:
            writers = {
                (head, kind): files.enter_context(
                    clip_writer(
                        kind, self._target(head, kind, name, kind.video_suffix), clip, space
                    )
                )
                for head, space in self.pipeline.spaces.items()
                for kind in self.kinds
            }
            advance = files.enter_context(track(f"frames of {path.name}", clip.expected))
            whole, frames = _whole(clip.size), 0
            summaries = self._summaries(clip.size)
            for event in clip.events():
                if isinstance(event, Sound):
                    for _, write_sound in writers.values():
                        write_sound(event)
                    continue
                inputs = self.pipeline.read({key: event.pixels})
                predictions = self.pipeline.predict_raw(inputs, tile=self.tile)
                for (head, kind), (write, _) in writers.items():
                    prediction, summary = predictions[head], summaries.get(head)
                    write(self._drawn(kind, prediction, inputs, whole, summary), event)
                frames += 1
                advance()
            if clip.problem and self.stop_on_error:
                raise ImageError(clip.problem)
        self._list(name, VIDEO_SUFFIX, summaries, frames)
        if clip.problem:
            raise DamagedClip(clip.problem)

    def _drawn(
        self,
        kind: OutputKind,
        prediction: Prediction,
        inputs: Mapping[str, np.ndarray],
        region: Region,
        summary: OverlaySummary | None,
    ) -> np.ndarray:
        """Return the pixels of an output of a region, and add those of an overlay to a summary."""
        pixels = kind.pixels(prediction, self._picture(kind, inputs))
        if kind.name == OVERLAY and summary is not None:
            summary.add(region, prediction, pixels)
        return pixels

    def _picture(self, kind: OutputKind, inputs: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return the raw pixels of the input that people look at."""
        if not kind.needs_image:
            return None
        specs = {name: self.pipeline.inputs.get(name, PLAIN) for name in inputs}
        name = shown_input([*inputs], specs)
        return background(inputs[name], specs[name].kind)

    @property
    def _needs_probabilities(self) -> bool:
        return any(kind.needs_probabilities for kind in self.kinds)

    def _target(self, head: str, kind: OutputKind, name: Path, suffix: str) -> Path:
        target = self._folder(head) / kind.name / name
        return target.with_name(target.name + suffix)

    def _folder(self, head: str) -> Path:
        return self.output / head if len(self.pipeline.spaces) > 1 else self.output
