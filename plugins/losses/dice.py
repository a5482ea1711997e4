"""Soft Dice loss (Milletari, Navab & Ahmadi 2016), with the sizes of Sudre et al. 2017."""

from __future__ import annotations

from torch import Tensor

from ._overlap import Overlap, RegionLoss, ratio


class Dice(RegionLoss):
    """1 − Dice coefficient of each class over the batch, averaged over classes.

    ``smooth``: pixels added to both parts of the fraction; ``classes``: the average is over those
    ``present`` in the labels of the batch, or ``all``.
    """

    def _of_class(self, sums: Overlap) -> Tensor:
        return 1 - dice(sums, self.smooth)


def dice(sums: Overlap, smooth: float) -> Tensor:
    """Return (2 Σ p g + s) / (Σ p + Σ g + s) of each class, (C,): 1 for equal regions."""
    return ratio(2 * sums.common + smooth, sums.predicted + sums.labeled + smooth)
