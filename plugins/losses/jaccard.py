"""Soft Jaccard (intersection over union) loss (Rahman & Wang 2016)."""

from __future__ import annotations

from torch import Tensor

from ._overlap import Overlap, RegionLoss, ratio


class Jaccard(RegionLoss):
    """1 − soft IoU of each class over the batch, averaged over classes.

    ``smooth``: pixels added to both parts of the fraction; ``classes``: the average is over those
    ``present`` in the labels of the batch, or ``all``.
    """

    def _of_class(self, sums: Overlap) -> Tensor:
        return 1 - jaccard(sums, self.smooth)


def jaccard(sums: Overlap, smooth: float) -> Tensor:
    """Return (I + s) / (Σ p + Σ g − I + s), I = Σ p g, of each class, (C,).

    For hard predictions and s = 0 it is IoU.
    """
    union = sums.predicted + sums.labeled - sums.common
    return ratio(sums.common + smooth, union + smooth)
