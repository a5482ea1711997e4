"""Small copies of large arrays: pictures by their mean, ids by the nearest pixel."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..geometry.regions import Size


def fitted(size: Size, limit: int) -> Size:
    """Return the size at which an image (height, width) fits into a square of ``limit`` pixels.

    Small images grow by a whole factor, so that their pixels stay squares.
    """
    height, width = size
    scale = limit / max(height, width)
    if scale >= 1:
        return height * int(scale), width * int(scale)
    return max(1, round(height * scale)), max(1, round(width * scale))


def thumbnail(picture: np.ndarray, size: Size) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 at a size (height, width)."""
    height, width = size
    if picture.shape[:2] == size:
        return picture
    larger = height >= picture.shape[0] and width >= picture.shape[1]
    how = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), how))


def sampled(array: np.ndarray, size: Size) -> np.ndarray:
    """Return the pixels of an array (H, W, …) nearest to those of a smaller or larger size."""
    rows, columns = (
        (2 * np.arange(wanted) + 1) * given // (2 * wanted)
        for wanted, given in zip(size, array.shape[:2], strict=True)
    )
    return array[rows[:, None], columns]
