"""The kinds of output that can be saved from a prediction, one record each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ....registry import PluxelError, did_you_mean
from ...common.files import replacing
from ...contracts.colors import unpack
from ...contracts.labels import LabelSpace
from ...data.images import write_mask
from ...data.results import COLOR, INDEX, OVERLAY, PROBABILITIES, WRITTEN_BY
from ...pictures.saving import save_png
from .prediction import Prediction

VIDEO_SUFFIX = ".mp4"
"""Suffix of the output that is a video."""


class Bands(NamedTuple):
    """The bands of a raster: their data type, one name per band, and the value of missing pixels.

    Without such a value, a mask in the file excludes missing pixels.
    """

    dtype: str
    names: Sequence[str] = ("",)
    nodata: float | None = None


def write_png(path: Path, pixels: np.ndarray, _space: LabelSpace) -> None:
    """Write ids (h, w), or colors (h, w, 3), as PNG."""
    if pixels.ndim == 2:
        write_mask(path, pixels)
        return
    save_png(path, pixels.astype(np.uint8, copy=False), WRITTEN_BY)


@dataclass(frozen=True)
class OutputKind:
    """A kind of output; `OUTPUT_KINDS` lists them all.

    ``name``: on the command line, and of the output folder. ``summary``: one phrase for the help.
    ``pixels``: returns (h, w) or (h, w, bands) from a prediction and, if ``needs_image``, from the
    raw pixels (h, w, channels) of its image. ``bands``: for large images, whose output is a raster
    written by windows. ``suffix`` and ``write``: for the output files of all other images.
    ``of_videos``: one video, or a folder with a file for each frame; empty for what is too large.
    """

    name: str
    summary: str
    pixels: Callable[[Prediction, np.ndarray | None], np.ndarray]
    bands: Callable[[LabelSpace], Bands]
    suffix: str = ".png"
    write: Callable[[Path, np.ndarray, LabelSpace], None] = write_png
    needs_probabilities: bool = False
    needs_image: bool = False
    of_videos: Literal["video", "frames", ""] = "frames"

    @property
    def video_suffix(self) -> str:
        """The suffix of what is written for a video; a folder has none."""
        return VIDEO_SUFFIX if self.of_videos == "video" else ""


def output_kinds(names: Iterable[str]) -> list[OutputKind]:
    """Return the kinds with these names. Raises: PluxelError for an unknown name."""
    kinds = {kind.name: kind for kind in OUTPUT_KINDS}
    for name in names:
        if name not in kinds:
            raise PluxelError(
                f"{name!r} is not one of {', '.join(kinds)}.{did_you_mean(name, kinds)}"
            )
    return [kinds[name] for name in dict.fromkeys(names)]


def _ids(prediction: Prediction, _image: np.ndarray | None) -> np.ndarray:
    packed = prediction.space.label_map.packed_rgb
    return np.stack(unpack(prediction.mask), -1) if packed else prediction.mask


def _color(prediction: Prediction, _image: np.ndarray | None) -> np.ndarray:
    return prediction.color


def _overlay(prediction: Prediction, image: np.ndarray | None) -> np.ndarray:
    if image is None:
        raise PluxelError("an overlay needs the pixels of the image")
    return prediction.overlay(image)


def _probabilities(prediction: Prediction, _image: np.ndarray | None) -> np.ndarray:
    if prediction.probabilities is None:
        raise PluxelError("this prediction was made without probabilities")
    return np.moveaxis(prediction.probabilities, 0, -1)


def _rgb_bands(_space: LabelSpace) -> Bands:
    return Bands("uint8", ("red", "green", "blue"))


def _id_bands(space: LabelSpace) -> Bands:
    if space.label_map.packed_rgb:
        return _rgb_bands(space)
    ignored = int(space.decode(np.array(space.ignore_index)))
    return Bands(space.raw_dtype.name, nodata=ignored)


def _class_bands(space: LabelSpace) -> Bands:
    return Bands("float32", space.class_names, np.nan)


def write_npz(path: Path, pixels: np.ndarray, space: LabelSpace) -> None:
    """Write probabilities (h, w, C) as array ``probabilities`` (C, h, w), with ``class_names``."""
    with replacing(path) as unfinished:
        np.savez_compressed(
            unfinished,
            probabilities=np.moveaxis(pixels, -1, 0).astype(np.float16),
            class_names=np.array(space.class_names),
        )


OUTPUT_KINDS = (
    OutputKind(INDEX, "raw ids, PNG", _ids, _id_bands),
    OutputKind(COLOR, "colors of the classes, PNG", _color, _rgb_bands),
    OutputKind(
        OVERLAY,
        "colors over the image, PNG",
        _overlay,
        _rgb_bands,
        needs_image=True,
        of_videos="video",
    ),
    OutputKind(
        PROBABILITIES,
        "probabilities, NPZ: (C, H, W) float16",
        _probabilities,
        _class_bands,
        ".npz",
        write_npz,
        needs_probabilities=True,
        of_videos="",
    ),
)
"""All kinds of output, in the order in which help and errors list them."""
