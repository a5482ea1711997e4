"""Sizes and overlaps of soft predictions and labels by class, for region losses."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...core.authoring import SegmentationLoss

AveragedClasses = Literal["present", "all"]
"""Which classes to average: those with a labeled pixel in the batch, or all."""


class RegionLoss(SegmentationLoss):
    """A loss computed for each class over the whole batch, then averaged over classes.

    ``smooth``: pixels added to numerator and denominator. ``classes``: average over the classes
    ``present`` in the labels of the batch, or over ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        smooth: Annotated[float, Field(ge=0)] = 1.0,
        classes: AveragedClasses = "present",
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.smooth = smooth
        self.classes: AveragedClasses = classes

    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the chosen classes."""
        sums = overlap(logits.softmax(1), target, self.ignore_index)
        return mean_over(self._of_class(sums), sums.labeled, self.classes)

    @abstractmethod
    def _of_class(self, sums: Overlap) -> Tensor:
        """Return the loss of each class, (C,)."""


@dataclass(frozen=True)
class Overlap:
    """Sums over the labeled pixels of a batch, by class, each (C,).

    ``common``: probability of the class on its own pixels. ``predicted``: its probability on all
    pixels. ``labeled``: number of its pixels, int64.
    """

    common: Tensor
    predicted: Tensor
    labeled: Tensor


def overlap(probabilities: Tensor, target: Tensor, ignore_index: int) -> Overlap:
    """Return the sums for probabilities (N, C, H, W) and target (N, H, W)."""
    counted = target != ignore_index
    truth = one_hot(target, counted, probabilities.shape[1])
    return Overlap(
        common=probabilities.where(truth, 0).sum((0, 2, 3)),
        predicted=probabilities.where(counted[:, None], 0).sum((0, 2, 3)),
        labeled=truth.sum((0, 2, 3)),
    )


def one_hot(target: Tensor, counted: Tensor, num_classes: int) -> Tensor:
    """Return the one-hot class of each counted pixel, (N, C, H, W) bool."""
    classes = torch.arange(num_classes, device=target.device)[:, None, None]
    return (target[:, None] == classes) & counted[:, None]


def mean_over(values: Tensor, labeled: Tensor, classes: AveragedClasses) -> Tensor:
    """Return the mean of ``values`` (C,) over the chosen classes; 0 if there are none."""
    if classes == "all":
        return values.mean()
    chosen = labeled > 0
    return values.where(chosen, 0).sum() / chosen.sum().clamp(min=1)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole, and 1 for 0 / 0: no pixels were labeled, and none predicted."""
    empty = whole == 0
    return torch.where(empty, 1, part / whole.masked_fill(empty, 1))
