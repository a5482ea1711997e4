"""Loss of Matthews' correlation coefficient (Abhishek & Hamarneh 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from ._overlap import Overlap, RegionLoss


class MCC(RegionLoss):
    """1 − correlation of predictions and labels of each class over the batch (equation 8).

    Unlike overlaps, it also counts the pixels that are rightly not of the class.

    ``smooth``: pixels added to the right pixels of the class, and to the right pixels of others.
    With 0, a class that has all labeled pixels, or none, counts as perfect. ``classes``: average
    over the classes ``present`` in the labels of the batch, or over ``all``.
    """

    def _of_class(self, sums: Overlap) -> Tensor:
        sizes = sums.labeled.to(sums.predicted.dtype)
        total = sizes.sum() + 2 * self.smooth
        total = total.masked_fill(total == 0, 1)
        # Shares of the pixels, because products of four counts exceed the precision of float32.
        common, predicted, labeled = (
            (count + self.smooth) / total for count in (sums.common, sums.predicted, sizes)
        )
        variance = predicted * (1 - predicted) * labeled * (1 - labeled)
        is_constant = variance <= torch.finfo(variance.dtype).tiny
        spread = variance.masked_fill(is_constant, 1).sqrt()
        return 1 - ((common - predicted * labeled) / spread).masked_fill(is_constant, 1)
