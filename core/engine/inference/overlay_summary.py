"""What a page of overlays shows of an image or a video, from its predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...contracts.labels import LabelSpace
from ...geometry.regions import Region, Size
from ...pictures.thumbnails import fitted, sampled, thumbnail
from .prediction import Prediction

_SIDE = 240
"""Pixels of the longer side of a thumbnail."""


@dataclass
class OverlaySummary:
    """Thumbnail, classes and confidence of an image, predicted in regions, or of a video.

    ``size``: (height, width). ``thumbnail``: (h, w, 3) uint8; of a video, that of the first frame.
    """

    space: LabelSpace
    size: Size
    thumbnail: np.ndarray = field(init=False)
    _counts: np.ndarray = field(init=False)
    _sum_of_highest: float | None = 0.0
    _is_drawn: bool = False

    def __post_init__(self) -> None:
        size = self.size if max(self.size) <= _SIDE else fitted(self.size, _SIDE)
        self.thumbnail = np.zeros((*size, 3), np.uint8)
        self._counts = np.zeros(self.space.num_classes, np.int64)

    def add(self, region: Region, prediction: Prediction, overlay: np.ndarray) -> None:
        """Add the prediction of a region and its overlay (h, w, 3) uint8."""
        found = np.bincount(prediction.classes.ravel(), minlength=self.space.ignore_index + 1)
        self._counts += found[: self.space.num_classes]
        if prediction.probabilities is None:
            self._sum_of_highest = None
        elif self._sum_of_highest is not None:
            highest = prediction.probabilities.max(0)
            self._sum_of_highest += float(np.nansum(highest, dtype=np.float64))
        if region.size != self.size:
            self._paste(region, overlay)
        elif not self._is_drawn:
            small = self.thumbnail.shape
            self.thumbnail = thumbnail(overlay, (small[0], small[1]))
        self._is_drawn = True

    def _paste(self, region: Region, overlay: np.ndarray) -> None:
        rows, columns = (
            sampled(np.arange(given)[:, None], (wanted, 1))[:, 0]
            for given, wanted in zip(self.size, self.thumbnail.shape[:2], strict=True)
        )
        down = np.flatnonzero((rows >= region.rows.start) & (rows < region.rows.stop))
        right = np.flatnonzero((columns >= region.columns.start) & (columns < region.columns.stop))
        pixels = overlay[rows[down] - region.rows.start][:, columns[right] - region.columns.start]
        self.thumbnail[np.ix_(down, right)] = pixels

    def fractions(self) -> dict[int, float]:
        """Return the fraction of the pixels, 0 to 1, by the index of each class that occurs."""
        total = max(1, int(self._counts.sum()))
        return {
            int(index): round(int(self._counts[index]) / total, 6)
            for index in np.flatnonzero(self._counts)
        }

    def confidence(self) -> float | None:
        """Return the mean of the highest probability of the pixels, 0 to 1; None if unknown."""
        total = int(self._counts.sum())
        return (
            None
            if self._sum_of_highest is None or not total
            else round(self._sum_of_highest / total, 4)
        )
