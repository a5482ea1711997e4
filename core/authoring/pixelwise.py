"""Base class of losses that are a sum over pixels, which can be computed strip by strip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ..common.numerics import at_least_float32, full_precision
from ..contracts.kinds import ClassFrequencies
from ..contracts.targets import check_target
from .class_weights import ClassWeights, resolve
from .losses import SegmentationLoss, check_shapes

Reduction = Literal["mean", "sum"]


class PixelwiseLoss(SegmentationLoss):
    """A loss that is ``per_pixel(logits, target).sum() / normalizer(target)``.

    The sum may be computed strip by strip if ``normalizer`` receives the whole target.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str],
        class_frequencies: ClassFrequencies,
        *,
        class_weights: ClassWeights,
        reduction: Reduction,
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.reduction = reduction
        self._class_names = class_names
        self._class_frequencies = class_frequencies
        self._choice: ClassWeights = class_weights
        self._weight: Tensor | None
        # Not persistent: it follows from the configuration and the data, not from training.
        self.register_buffer("_weight", None, persistent=False)
        if not isinstance(class_weights, str):
            _ = self._resolved  # report mistakes now, because no scan is needed

    @property
    def chosen_weights(self) -> dict[str, float]:
        """Class name -> weight; empty without weights. A named scheme scans the training split."""
        return dict(zip(self._class_names, self._resolved or (), strict=bool(self._resolved)))

    @cached_property
    def _resolved(self) -> list[float] | None:
        return resolve(self._choice, self._class_names, self._class_frequencies)

    def weight_for(self, logits: Tensor) -> Tensor | None:
        """Return the weights (C,) on the device and in the precision of ``logits``, or None."""
        if self._choice is None:
            return None
        kept = self._weight
        if kept is not None and (kept.device, kept.dtype) == (logits.device, logits.dtype):
            return kept
        # Autograd could not use a tensor that was created in inference mode.
        with torch.inference_mode(False):
            weight = torch.tensor(self._resolved, device=logits.device, dtype=logits.dtype)
        if type(weight) is Tensor:  # do not keep tensors without values (FakeTensor)
            self._weight = weight
        return weight

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted loss of each pixel, (N, H, W); ignored pixels have 0."""
        check_shapes(logits, target, self.num_classes)
        check_target(target, self.num_classes, self.ignore_index)
        with full_precision(logits):
            return self._pixel_losses(at_least_float32(logits), target)

    def normalizer(self, target: Tensor) -> Tensor:
        """Return the divisor of the sum over pixels, ().

        It is 1 for ``reduction: sum``, else the sum of the class weights of the labeled pixels. 0
        counts as 1, so that normalizers of several batches add up.
        """
        if self.reduction == "sum":
            return torch.ones((), dtype=torch.int64, device=target.device)
        weight = self.weight_for(torch.empty(0, device=target.device))
        if weight is None:
            return torch.count_nonzero(target - self.ignore_index)
        labeled = target != self.ignore_index
        return (weight[target.where(labeled, 0)] * labeled).sum()

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        normalizer = self.normalizer(target)
        divisor = torch.where(normalizer > 0, normalizer, 1)
        return self._pixel_losses(logits, target).sum() / divisor

    @abstractmethod
    def _pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``per_pixel`` for checked arguments in full precision."""
