"""Soft Jaccard (intersection over union) loss (Rahman & Wang 2016)."""

from __future__ import annotations

from torch import Tensor

from ._overlap import Overlap, RegionLoss, ratio


class Jaccard(RegionLoss):
    """1 − soft IoU of each class over the batch, averaged over classes.

    ``smooth``: pixels added to numerator and denominator. ``classes``: average over the classes
    ``present`` in the labels of the batch, or over ``all``.
    """

    def _of_class(self, sums: Overlap) -> Tensor:
        return 1 - jaccard(sums, self.smooth)


def jaccard(sums: Overlap, smooth: float) -> Tensor:
    """Return (I + s) / (Σ p + Σ g − I + s), I = Σ p g, of each class, (C,).

    For hard predictions and s = 0, this is IoU.
    """
    union = sums.predicted + sums.labeled - sums.common
    return ratio(sums.common + smooth, union + smooth)
