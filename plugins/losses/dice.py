"""Soft Dice loss (Milletari, Navab & Ahmadi 2016), with the sizes of Sudre et al. 2017."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ._contract import SegmentationLoss
from ._overlap import Classes, mean_over, overlap, ratio


class Dice(SegmentationLoss):
    """1 − Dice coefficient of each class over the batch, averaged over classes.

    ``smooth``: pixels added to both parts of the fraction; ``classes``: the average is over those
    ``present`` in the labels of the batch, or ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        smooth: Annotated[float, Field(ge=0)] = 1.0,
        classes: Classes = "present",
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.smooth = smooth
        self.classes: Classes = classes

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return dice(logits.softmax(1), target, self.ignore_index, self.smooth, self.classes)


def dice(
    probabilities: Tensor, target: Tensor, ignore_index: int, smooth: float, classes: Classes
) -> Tensor:
    """Return the mean over classes of 1 − (2 Σ p g + s) / (Σ p + Σ g + s).

    ``probabilities``: (N, C, H, W); ``target``: (N, H, W), g = 1 where it is the class. Sums run
    over the labelled pixels of the batch.
    """
    sums = overlap(probabilities, target, ignore_index)
    coefficient = ratio(2 * sums.common + smooth, sums.predicted + sums.labelled + smooth)
    return mean_over(1 - coefficient, sums.labelled, classes)
