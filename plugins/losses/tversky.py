"""Tversky and focal Tversky losses, which weigh false positives and false negatives apart."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ._overlap import AveragedClasses, Overlap, RegionLoss, ratio

ErrorWeight = Annotated[float, Field(ge=0)]


class Tversky(RegionLoss):
    """1 − Tversky index of each class over the batch (Salehi, Erdogmus & Gholipour 2017, eq. 3).

    ``alpha``: weight of false positives. ``beta``: weight of false negatives. Both 0.5 give Dice,
    both 1 give Jaccard; the paper recommends 0.3 and 0.7 for small objects, which are the defaults.
    ``smooth``: pixels added to numerator and denominator. ``classes``: average over the classes
    ``present`` in the labels of the batch, or over ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        alpha: ErrorWeight = 0.3,
        beta: ErrorWeight = 0.7,
        smooth: Annotated[float, Field(ge=0)] = 1.0,
        classes: AveragedClasses = "present",
    ) -> None:
        super().__init__(num_classes, ignore_index, smooth=smooth, classes=classes)
        self.alpha, self.beta = alpha, beta

    def _of_class(self, sums: Overlap) -> Tensor:
        false_positive = sums.predicted - sums.common
        false_negative = sums.labeled - sums.common
        common = sums.common + self.smooth
        return 1 - ratio(common, common + self.alpha * false_positive + self.beta * false_negative)


class FocalTversky(Tversky):
    """(1 − Tversky index) ^ (1 / γ) of each class (Abraham & Khan 2019, equation 4).

    ``gamma``: γ of the paper, from 1 to 3; above 1, classes with small errors count more.
    ``alpha``: weight of false positives. ``beta``: weight of false negatives. ``smooth``: pixels
    added to numerator and denominator. ``classes``: average over the classes ``present`` in the
    labels of the batch, or over ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        gamma: Annotated[float, Field(gt=0)] = 4 / 3,
        alpha: ErrorWeight = 0.3,
        beta: ErrorWeight = 0.7,
        smooth: Annotated[float, Field(ge=0)] = 1.0,
        classes: AveragedClasses = "present",
    ) -> None:
        super().__init__(
            num_classes, ignore_index, alpha=alpha, beta=beta, smooth=smooth, classes=classes
        )
        self.gamma = gamma

    def _of_class(self, sums: Overlap) -> Tensor:
        loss = super()._of_class(sums)
        # Without an error, the slope of the power is infinite; the clamp makes it 0.
        return loss.clamp(min=torch.finfo(loss.dtype).eps).pow(1 / self.gamma)
