"""Soft Dice loss (Milletari, Navab & Ahmadi 2016), with sizes as in Sudre et al. 2017."""

from __future__ import annotations

from torch import Tensor

from ._overlap import Overlap, RegionLoss, ratio


class Dice(RegionLoss):
    """1 − Dice coefficient of each class over the batch, averaged over classes.

    ``smooth``: pixels added to numerator and denominator. ``classes``: average over the classes
    ``present`` in the labels of the batch, or over ``all``.
    """

    def _of_class(self, sums: Overlap) -> Tensor:
        return 1 - dice(sums, self.smooth)


def dice(sums: Overlap, smooth: float) -> Tensor:
    """Return (2 Σ p g + s) / (Σ p + Σ g + s) of each class, (C,): 1 for equal regions."""
    return ratio(2 * sums.common + smooth, sums.predicted + sums.labeled + smooth)
