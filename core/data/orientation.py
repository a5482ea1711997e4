"""The EXIF orientation of images, and samples whose files disagree about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from ..common.logs import log_image
from .limits import pillow_limits
from .pixels import ImageError

TURNED = "turned upright by EXIF orientation"

FLIPS = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
"""EXIF orientation -> steps along rows and columns, after the transposition from 5 on."""


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1–8; 1 means upright. `orientation_of` remembers it."""
    number = image.getexif().get(0x0112, 1)
    if filename := getattr(image, "filename", ""):
        _remember(Path(filename), number)
    return number


def tiff_orientation(path: Path) -> int:
    """Return the EXIF orientation of any TIFF; 1 without a valid one."""
    import tifffile  # noqa: PLC0415 - an extra

    with tifffile.TiffFile(path) as file:
        found = int(file.pages.first.tags.valueof("Orientation", 1))
    number = found if found in FLIPS else 1
    _remember(path, number)
    return number


def turn_upright(pixels: np.ndarray, number: int, name: Path | str) -> np.ndarray:
    """Return the pixels (H, W[, channels]) of a file with an EXIF orientation turned upright."""
    if number not in FLIPS:
        return pixels
    log_image(name, TURNED)
    rows, columns = FLIPS[number]
    moved = (np.swapaxes(pixels, 0, 1) if number >= 5 else pixels)[::rows, ::columns]
    return moved.copy()  # PyTorch supports no negative strides


def orientation_of(path: Path) -> int:
    """Return the EXIF orientation of any file, 1–8; 1 if it has none or cannot be read."""
    try:
        known = _known(path, path.stat().st_mtime_ns)
    except OSError:
        return 1
    return known[0] if known else _remember(path, _read_orientation(path))


def _remember(path: Path, number: int) -> int:
    with suppress(OSError):
        _known(path, path.stat().st_mtime_ns)[:] = [number]
    return number


@lru_cache(maxsize=65536)  # a file is read in every epoch
def _known(_path: Path, _modified: int) -> list[int]:
    """Return where to keep the orientation of a file; empty until a reader has found it."""
    return []


def _read_orientation(path: Path) -> int:
    try:
        with pillow_limits(path), Image.open(path) as image:
            return orientation(image)
    except Image.UnidentifiedImageError:
        return _orientation_of_raster(path)
    except (
        OSError,
        ValueError,
        SyntaxError,
        ImageError,
    ):  # arrays have none; readers report broken files
        return 1


def _orientation_of_raster(path: Path) -> int:
    try:
        return tiff_orientation(path)
    except Exception:  # noqa: BLE001 - arrays and broken files, and without the extra
        return 1


def orientation_conflict(paths: Mapping[str, Path]) -> str | None:
    """Return what is wrong if the files of a sample have different orientations, else None.

    Each file is turned upright by its own tag. If only the image has one, nothing tells whether its
    mask was drawn on the stored or on the upright image.
    """
    if not (found := _orientations_that_differ(paths)):
        return None
    listed = ", ".join(f"{path}: {number}" for path, number in found.items())
    return (
        f"files of one sample have different EXIF orientations ({listed}), so labels may belong "
        "to other pixels; save all files upright, without this tag"
    )


def log_orientation_conflict(paths: Mapping[str, Path]) -> None:
    """Warn if the files of a sample have different orientations, as `orientation_conflict` says."""
    if found := _orientations_that_differ(paths):
        text = (
            "with another EXIF orientation than other files of the same sample, so labels may "
            "belong to other pixels (save all files upright, without this tag)"
        )
        log_image(next(iter(found)), text, logging.WARNING)


def _orientations_that_differ(paths: Mapping[str, Path]) -> dict[Path, int]:
    """Return the orientation of each file of a sample if they differ, else nothing."""
    found = {path: orientation_of(path) for path in paths.values()}
    return found if len({*found.values()}) > 1 else {}
