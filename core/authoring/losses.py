"""Base class of losses, which keeps their shared guarantees."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ..common.numerics import at_least_float32, full_precision
from ..contracts.targets import TargetError, check_target


class SegmentationLoss(nn.Module, ABC):
    """A scalar loss of unnormalized logits (N, C, H, W) and target (N, H, W) int64.

    A subclass implements ``batch_loss``.

    float16 and bfloat16 logits are converted to float32, with and without autocast; float64 stays
    float64. Pixels whose target is ``ignore_index`` get exactly zero gradient. Without labeled
    pixels the loss is 0, and differentiable.

    Raises: TargetError for a label out of range.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Check the arguments and return the loss, ()."""
        check_shapes(logits, target, self.num_classes)
        check_target(target, self.num_classes, self.ignore_index)
        with full_precision(logits):
            return self.batch_loss(at_least_float32(logits), target)

    @abstractmethod
    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss, (), for checked arguments in full precision."""


def check_shapes(logits: Tensor, target: Tensor, num_classes: int) -> None:
    """Raise TargetError if the shapes of logits and target do not match."""
    expected = (logits.shape[0], num_classes, *logits.shape[2:])
    if logits.ndim != 4 or logits.shape != expected:
        raise TargetError(f"logits must be (N, {num_classes}, H, W), not {tuple(logits.shape)}")
    if target.shape != (logits.shape[0], *logits.shape[2:]):
        raise TargetError(
            f"target {tuple(target.shape)} does not match logits {tuple(logits.shape)}: "
            "it must be (N, H, W)"
        )
    if target.dtype != torch.int64:
        raise TargetError(f"target must be int64, not {target.dtype}: call target.long()")
