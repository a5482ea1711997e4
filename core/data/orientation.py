"""The EXIF orientation of images, and samples whose files disagree about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1–8; 1 means upright."""
    return image.getexif().get(0x0112, 1)


@lru_cache(maxsize=65536)  # a file is read in every epoch
def _orientation_of(path: Path) -> int:
    try:
        with Image.open(path) as image:
            return orientation(image)
    except (OSError, ValueError, SyntaxError):  # arrays have none; readers report broken files
        return 1


def orientation_conflict(paths: Mapping[str, Path]) -> str | None:
    """Return what is wrong if the files of a sample have different orientations, else None.

    Each file is turned upright by its own tag. If only the image has one, nothing tells whether its
    mask was drawn on the stored or on the upright image.
    """
    found = {path: _orientation_of(path) for path in paths.values()}
    if len({*found.values()}) < 2:
        return None
    listed = ", ".join(f"{path}: {number}" for path, number in found.items())
    return (
        f"files of one sample have different EXIF orientations ({listed}), so labels may belong "
        "to other pixels; save all files upright, without this tag"
    )
