"""Base class of losses that are a sum over pixels, which can be computed strip by strip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.numerics import at_least_float32, full_precision
from ..contracts.kinds import ClassFrequencies
from ..contracts.targets import check_target
from .class_weights import ClassWeights, resolve
from .losses import SegmentationLoss, check_shapes

Reduction = Literal["mean", "sum"]


class PixelwiseLoss(SegmentationLoss):
    """A loss that is ``per_pixel(logits, target).sum() / normalizer(target)``.

    The sum may be computed strip by strip if ``normalizer`` receives the whole target.
    A subclass implements ``pixel_losses``. It needs a constructor only for parameters of its own,
    and may leave out the class weights, with ``class_names`` and ``class_frequencies``.

    ``class_weights``: ``auto`` (the mild ``inverse_sqrt``), ``median_frequency``,
    ``effective_number``, class name -> weight, or a list. ``reduction``: ``mean`` over the labeled
    pixels (weighted, with class weights), or their ``sum``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str] = (),
        class_frequencies: ClassFrequencies = list,
        *,
        class_weights: ClassWeights = None,
        reduction: Reduction = "mean",
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
            return self.weighted_losses(at_least_float32(logits), target)

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

    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the sum over pixels, divided by the normalizer."""
        normalizer = self.normalizer(target)
        divisor = torch.where(normalizer > 0, normalizer, 1)
        return self.weighted_losses(logits, target).sum() / divisor

    def weighted_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``per_pixel`` for checked arguments in full precision."""
        labeled = target != self.ignore_index
        classes = target.where(labeled, 0)
        # Ignored logits become 0, so that no loss has an infinite slope there.
        losses = self.pixel_losses(logits.where(labeled.unsqueeze(1), 0), classes)
        if (weight := self.weight_for(logits)) is not None:
            losses = losses * weight[classes]
        return losses.where(labeled, 0)

    def pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        """Return the loss of each pixel, (N, H, W), without class weights.

        ``logits``: in full precision. ``target``: a class for every pixel; what is returned for
        ignored pixels does not count.
        """
        raise PluxelError(f"{type(self).__name__} must implement pixel_losses(logits, target)")
