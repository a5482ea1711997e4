"""Keep the predictions of telling images of a split, small, while it is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...geometry.regions import Size
from ...pictures.saving import png_bytes
from ...pictures.thumbnails import fitted, sampled
from .ranking import EXTREMES, ImageRanking

SIDE = 480
"""Pixels of the longer side of a kept prediction."""

POOL = 48
"""Images spread over the split, of which those near the median are kept."""


class Examples:
    """The images of an `ImageRanking`, and some near the median of all.

    The number of predictions in memory depends on the number of classes, not on that of images; of
    each image, only its mean IoU stays. ``num_images``: of the split. ``pool``: indices of images
    spread over it.
    """

    def __init__(self, num_classes: int, num_images: int, pool: Iterable[int]) -> None:
        self._sizes = num_classes, num_images
        self._ranking = ImageRanking(*self._sizes)
        self._pool = frozenset(pool)
        self._means: dict[int, float] = {}
        self._kept: dict[int, bytes] = {}

    def add(self, index: int, counts: np.ndarray, classes: np.ndarray) -> None:
        """Rank an image by its counts (C, 3), and keep its classes (H, W) if it tells something."""
        mean = self._ranking.add(index, counts)
        if np.isnan(mean):
            return
        self._means[index] = mean
        wanted = self._pool | self._ranking.images()
        if index in wanted:
            self._kept[index] = thumbnail_of(classes)
            for left in self._kept.keys() - wanted:
                del self._kept[left]

    @staticmethod
    def merged(parts: Sequence[Examples]) -> dict[int, bytes]:
        """Return the kept images of all processes: index -> PNG of the predicted classes."""
        ranking = ImageRanking(*parts[0]._sizes)
        means: dict[int, float] = {}
        kept: dict[int, bytes] = {}
        for part in parts:
            ranking.merge(part._ranking)
            means |= part._means
            kept |= part._kept
        if not kept:
            return {}
        middle = float(np.median([*means.values()]))
        wanted = ranking.images()
        near = wanted.union(*(part._pool for part in parts)) & kept.keys()
        ordinary = sorted(near, key=lambda index: (abs(means[index] - middle), index))
        return {index: kept[index] for index in sorted(wanted | {*ordinary[:EXTREMES]})}


def thumbnail_of(classes: np.ndarray) -> bytes:
    """Return class indices (H, W) as a PNG whose longer side has at most `SIDE` pixels."""
    size = example_size((classes.shape[0], classes.shape[1]))
    dtype = np.uint8 if classes.max(initial=0) < 256 else np.uint16
    return png_bytes(sampled(classes, size).astype(dtype))


def example_size(size: Size) -> Size:
    """Return the size at which an image of a size is kept; small images do not grow."""
    return size if max(size) <= SIDE else fitted(size, SIDE)
