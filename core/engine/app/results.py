"""Segment one uploaded photograph, and keep in a folder what the page asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....registry import PluxelError
from ...common.mapped_files import new_mapped_array
from ...contracts.colors import hex_color
from ...contracts.inputs import PLAIN
from ...contracts.labels import IGNORE, LabelSpace
from ...data.results import INDEX
from ...geometry.regions import Region, Size
from ...pictures.inputs import input_picture
from ...pictures.masks import color_of
from ...pictures.saving import png_bytes
from ...pictures.thumbnails import sampled
from ..inference.inputs import other_than_color
from ..inference.outputs import OutputKind, output_kinds
from ..inference.pipeline import Pipeline
from ..inference.prediction import Prediction

SHOWN = 2048
"""Pixels of the longer side of the pictures that the page shows; masks keep their size."""


class ResultError(PluxelError):
    """A request for a result that does not exist."""


def check_pipeline(pipeline: Pipeline, run: Path) -> None:
    """Check that a model reads photographs. Raises: PluxelError."""
    names = [*pipeline.model.input_names]
    if len(names) > 1:
        raise PluxelError(
            f"{run}: the app reads one photograph, but the model reads {', '.join(names)}; use "
            f"pluxel predict {run} {' '.join(f'{name}=PATH' for name in names)}"
        )
    (name,) = names
    spec = pipeline.inputs.get(name, PLAIN)
    if what := other_than_color(pipeline.channels[name], spec, (1, 3, 4)):
        raise PluxelError(
            f"{run}: the app reads photographs, but the model reads '{name}': {what}; use "
            f"pluxel predict {run} FILES"
        )


@dataclass(frozen=True)
class StoredResult:
    """Files of a result in a folder of its own, which the page asks for by name."""

    folder: Path

    def picture(self, name: str) -> Path:
        """Return the file of a picture. Raises: ResultError."""
        path = self.folder / name
        if not _PICTURE.fullmatch(name) or not path.is_file():
            raise ResultError(f"the result has no picture {name!r}")
        return path

    def pixel(self, row: int, column: int) -> dict[str, Any]:
        """Return class and probabilities of a pixel, for each head. Raises: ResultError."""
        about = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        if not (0 <= row < about["height"] and 0 <= column < about["width"]):
            raise ResultError("the pixel is not in the image")
        return {
            "heads": [
                _pixel(self.folder, number, len(head["classes"]), row, column)
                for number, head in enumerate(about["heads"])
            ]
        }


_PICTURE = re.compile(r"photo\.png|(colors|mask)-[0-9]+\.png")


def _pixel(folder: Path, number: int, classes: int, row: int, column: int) -> dict[str, Any]:
    index = int(np.load(folder / f"classes-{number}.npy", mmap_mode="r")[row, column])
    file = _probabilities_of(folder, number)
    probabilities = None
    if index < classes and file.exists():
        probabilities = np.load(file, mmap_mode="r")[row, column].tolist()
    return {"class": index if index < classes else None, "probabilities": probabilities}


def _probabilities_of(folder: Path, number: int) -> Path:
    """Return the file with the probabilities of a head, by its number, (H, W, C)."""
    return folder / f"probabilities-{number}.npy"


def segment(
    pipeline: Pipeline,
    photo: Path,
    folder: Path,
    *,
    reserve: Callable[[int], None] = lambda _size: None,
    most_probabilities: int,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Segment a photograph, and write what the page needs into a folder; return what it shows.

    Large photographs are predicted in tiles, as by ``pluxel predict``, and the masks are the same
    files.

    ``reserve``: called with the maximum size of all files in bytes before they are written; it may
    raise. ``most_probabilities``: maximum size of the probabilities in bytes; if a photograph needs
    more, clicks show only the class. ``is_stopped``: called after each tile; True ends the work.

    Raises: PluxelError if the photograph cannot be read, or if the work is stopped.
    """
    inputs = pipeline.read(photo)
    ((name, pixels),) = inputs.items()
    size: Size = pixels.shape[0], pixels.shape[1]
    shown = _shown(size)
    (kind,) = output_kinds([INDEX])
    spaces = pipeline.spaces
    needed = sum(4 * space.num_classes for space in spaces.values()) * size[0] * size[1]
    keep = needed <= most_probabilities
    reserve(needed * keep + _most_bytes(size, shown, spaces.values(), kind))
    picture, _ = input_picture(pixels, pipeline.inputs.get(name, PLAIN), shown)
    (folder / "photo.png").write_bytes(png_bytes(picture))
    writers = {
        head: _HeadFiles(folder, number, space, size, keep=keep)
        for number, (head, space) in enumerate(spaces.items())
    }
    pieces = pipeline.pieces(lambda region: {name: pixels[region.slices]}, size, probabilities=keep)
    for piece in pieces:
        if is_stopped():
            raise ResultError("the work was stopped")
        for head, prediction in piece.predictions.items():
            writers[head].write(piece.region, prediction)
    about = {
        "height": size[0],
        "width": size[1],
        "heads": [{"name": head, **writer.finish(kind, shown)} for head, writer in writers.items()],
    }
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return about


class _HeadFiles:
    """Writes the predictions of a head by regions."""

    def __init__(
        self, folder: Path, number: int, space: LabelSpace, size: Size, *, keep: bool
    ) -> None:
        self.folder, self.number, self.space = folder, number, space
        self.counts = np.zeros(space.ignore_index + 1, np.int64)
        self.classes = new_mapped_array(folder / f"classes-{number}.npy", space.dtype, size)
        shape = (*size, space.num_classes)
        file = _probabilities_of(folder, number)
        self.probabilities = new_mapped_array(file, np.float32, shape) if keep else None

    def write(self, region: Region, prediction: Prediction) -> None:
        self.classes[region.slices] = prediction.classes
        self.counts += np.bincount(prediction.classes.ravel(), minlength=len(self.counts))
        if self.probabilities is not None and prediction.probabilities is not None:
            self.probabilities[region.slices] = np.moveaxis(prediction.probabilities, 0, -1)

    def finish(self, kind: OutputKind, shown: Size) -> Mapping[str, Any]:
        """Write the pictures; return the classes with their fractions of the pixels."""
        classes, space = np.asarray(self.classes), self.space
        mask = self.folder / f"mask-{self.number}.png"
        kind.write(mask, kind.pixels(Prediction(space, classes), None), space)
        small = sampled(classes, shown)
        colors = np.dstack([space.colorize(small), np.where(small == space.ignore_index, 0, 255)])
        file = self.folder / f"colors-{self.number}.png"
        file.write_bytes(png_bytes(colors.astype(np.uint8)))
        return {
            "classes": [
                {
                    "name": name,
                    "color": hex_color(color_of(space, index)),
                    "fraction": int(self.counts[index]) / classes.size,
                }
                for index, name in enumerate(space.class_names)
            ],
            "ignored": IGNORE if self.counts[space.ignore_index] else None,
        }


def _most_bytes(size: Size, shown: Size, spaces: Iterable[LabelSpace], kind: OutputKind) -> int:
    """Return the maximum size in bytes of the files of a result, without probabilities."""
    total = _most_bytes_of_png(shown, 3)
    for space in spaces:
        bands = kind.bands(space)
        ids = len(bands.names) * np.dtype(bands.dtype).itemsize
        total += size[0] * size[1] * space.dtype.itemsize
        total += _most_bytes_of_png(size, ids) + _most_bytes_of_png(shown, 4)
    return total


def _most_bytes_of_png(size: Size, of_pixel: int) -> int:
    """Return the size in bytes of a PNG that cannot be compressed: one more byte per row."""
    rows = size[0] * (size[1] * of_pixel + 1)
    return rows + rows // 100 + 2**16


def _shown(size: Size) -> Size:
    scale = min(1.0, SHOWN / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
