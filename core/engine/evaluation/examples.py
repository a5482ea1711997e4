"""Keep the predictions of telling images of a split, small, while it is evaluated."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...geometry.regions import Size
from ...pictures.saving import png_bytes
from ...pictures.thumbnails import fitted, sampled

SIDE = 480
"""Pixels of the longer side of a kept prediction."""

EXTREMES = 4
"""Images with the lowest and with the highest mean IoU to keep, each, and near the median."""

PER_CLASS = 2
"""Images to keep of those on which a class fails most."""

SMALLEST_SHARE = 0.001
"""Share of an image that a class must have, in truth or prediction, to be judged there."""

POOL = 48
"""Images spread over the split, of which those near the median are kept."""


class _Ranked(NamedTuple):
    value: float
    image: int


class _Lowest:
    """The images with the lowest values, at most ``limit``; of equal ones, the first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int]] = []

    def add(self, entry: _Ranked) -> None:
        negative = (-entry.value, -entry.image)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, negative)
        else:
            heapq.heappushpop(self._heap, negative)

    @property
    def entries(self) -> list[_Ranked]:
        return [_Ranked(-value, -index) for value, index in self._heap]


class Examples:
    """The images of a head with the lowest and highest mean IoU, and the worst of each class.

    Also some near the median of all. The number of predictions in memory depends on the number of
    classes, not on that of images; of each image, only its mean IoU stays. ``pool``: indices of
    images spread over the split.
    """

    def __init__(self, num_classes: int, pool: Iterable[int]) -> None:
        limits = [EXTREMES, EXTREMES, *[PER_CLASS] * num_classes]
        self._rankings = [_Lowest(limit) for limit in limits]
        self._pool = frozenset(pool)
        self._means: dict[int, float] = {}
        self._kept: dict[int, bytes] = {}

    def add(self, index: int, counts: np.ndarray, classes: np.ndarray) -> None:
        """Rank an image by its counts (C, 3), and keep its classes (H, W) if it tells something."""
        pixels = counts[:, 1].sum()
        if not pixels:
            return
        union = counts[:, 1] + counts[:, 2] - counts[:, 0]
        iou = counts[:, 0] / np.maximum(union, 1)
        mean = float(iou[union > 0].mean())
        self._means[index] = mean
        self._rankings[0].add(_Ranked(mean, index))
        self._rankings[1].add(_Ranked(-mean, index))
        for one in np.flatnonzero(union >= max(1, SMALLEST_SHARE * pixels)):
            self._rankings[2 + one].add(_Ranked(float(iou[one]), index))
        wanted = self._wanted()
        if index in wanted:
            self._kept[index] = thumbnail_of(classes)
            for left in self._kept.keys() - wanted:
                del self._kept[left]

    def _wanted(self) -> set[int]:
        return {*self._pool, *(e.image for ranking in self._rankings for e in ranking.entries)}

    @classmethod
    def merged(cls, parts: Sequence[Examples]) -> dict[int, bytes]:
        """Return the kept images of all processes: index -> PNG of the predicted classes."""
        whole = cls(len(parts[0]._rankings) - 2, ())
        for part in parts:
            whole._means |= part._means
            for ranking, own in zip(whole._rankings, part._rankings, strict=True):
                for entry in own.entries:
                    ranking.add(entry)
        kept = {index: png for part in parts for index, png in part._kept.items()}
        if not kept:
            return {}
        middle = float(np.median([*whole._means.values()]))
        wanted = whole._wanted()
        near = wanted.union(*(part._pool for part in parts)) & kept.keys()
        ordinary = sorted(near, key=lambda index: (abs(whole._means[index] - middle), index))
        wanted |= {*ordinary[:EXTREMES]}
        return {index: kept[index] for index in sorted(wanted)}


def thumbnail_of(classes: np.ndarray) -> bytes:
    """Return class indices (H, W) as a PNG whose longer side has at most `SIDE` pixels."""
    size = example_size((classes.shape[0], classes.shape[1]))
    dtype = np.uint8 if classes.max(initial=0) < 256 else np.uint16
    return png_bytes(sampled(classes, size).astype(dtype))


def example_size(size: Size) -> Size:
    """Return the size at which an image of a size is kept; small images do not grow."""
    return size if max(size) <= SIDE else fitted(size, SIDE)
