"""Soft Jaccard (intersection over union) loss (Rahman & Wang 2016)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ._contract import SegmentationLoss
from ._overlap import Classes, mean_over, overlap, ratio


class Jaccard(SegmentationLoss):
    """1 − soft IoU of each class over the batch, averaged over classes.

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
        return jaccard(logits.softmax(1), target, self.ignore_index, self.smooth, self.classes)


def jaccard(
    probabilities: Tensor, target: Tensor, ignore_index: int, smooth: float, classes: Classes
) -> Tensor:
    """Return the mean over classes of 1 − (I + s) / (Σ p + Σ g − I + s), I = Σ p g.

    ``probabilities``: (N, C, H, W); ``target``: (N, H, W), g = 1 where it is the class. Sums run
    over the labelled pixels of the batch. For hard predictions and s = 0 it is 1 − IoU.
    """
    sums = overlap(probabilities, target, ignore_index)
    union = sums.predicted + sums.labelled - sums.common
    return mean_over(1 - ratio(sums.common + smooth, union + smooth), sums.labelled, classes)
