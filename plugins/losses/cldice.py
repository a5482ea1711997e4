"""Centerline Dice, which keeps thin structures connected (Shit et al., CVPR 2021)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...core.authoring import SegmentationLoss
from ._overlap import AveragedClasses, mean_over, one_hot, ratio


class CLDice(SegmentationLoss):
    """1 − soft clDice of each class over the batch (algorithm 2), averaged over classes.

    It compares skeletons, so the width of a structure does not count: combine it with ``dice`` or
    ``cross_entropy`` by ``weighted_sum``. Ignored pixels interrupt a structure.

    ``iterations``: of thinning; half the width of the widest structure, in pixels. ``smooth``:
    pixels added to numerators and denominators. ``classes``: average over the classes ``present``
    in the labels of the batch, or over ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        iterations: Annotated[int, Field(ge=1)] = 3,
        smooth: Annotated[float, Field(ge=0)] = 1.0,
        classes: AveragedClasses = "present",
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.iterations = iterations
        self.smooth = smooth
        self.classes: AveragedClasses = classes

    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the chosen classes."""
        counted = target != self.ignore_index
        predicted = logits.softmax(1).where(counted[:, None], 0)
        labeled = one_hot(target, counted, logits.shape[1])
        truth = labeled.to(predicted.dtype)
        precision = self._share(skeleton(predicted, self.iterations), truth)
        sensitivity = self._share(skeleton(truth, self.iterations), predicted)
        both = ratio(2 * precision * sensitivity, precision + sensitivity)
        return mean_over(1 - both, labeled.sum((0, 2, 3)), self.classes)

    def _share(self, thin: Tensor, region: Tensor) -> Tensor:
        """Return the share of a skeleton that lies in a region, (C,)."""
        inside, whole = (thin * region).sum((0, 2, 3)), thin.sum((0, 2, 3))
        return ratio(inside + self.smooth, whole + self.smooth)


def skeleton(maps: Tensor, iterations: int) -> Tensor:
    """Return the soft skeletons of maps (N, C, H, W) with values in 0–1 (algorithm 1)."""
    found = functional.relu(maps - _opened(maps))
    for _ in range(iterations):
        maps = _eroded(maps)
        left = functional.relu(maps - _opened(maps))
        found = found + functional.relu(left - found * left)
    return found


def _eroded(maps: Tensor) -> Tensor:
    rows = -functional.max_pool2d(-maps, (3, 1), 1, (1, 0))
    columns = -functional.max_pool2d(-maps, (1, 3), 1, (0, 1))
    return torch.minimum(rows, columns)


def _opened(maps: Tensor) -> Tensor:
    return functional.max_pool2d(_eroded(maps), 3, 1, 1)
