"""Focal loss (Lin, Goyal, Girshick, He & Dollár 2017) for mutually exclusive classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...core import ClassFrequencies
from ...core.authoring import ClassWeights, PixelwiseLoss, Reduction


class Focal(PixelwiseLoss):
    """(1 − p)^γ · −log p for the probability p of the true class (equation 4).

    ``gamma``: γ ≥ 0; 0 gives cross-entropy. ``class_weights``: the paper's α, one per class
    (equation 5), in the forms of ``cross_entropy``. ``reduction``: ``mean`` over the labeled pixels
    (weighted, with class weights), or their ``sum``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str],
        class_frequencies: ClassFrequencies,
        *,
        gamma: Annotated[float, Field(ge=0)] = 2.0,
        class_weights: ClassWeights = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index,
            class_names,
            class_frequencies,
            class_weights=class_weights,
            reduction=reduction,
        )
        self.gamma = gamma

    def pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        return focus(functional.cross_entropy(logits, target, reduction="none"), self.gamma)


def focus(cross_entropy: Tensor, gamma: float) -> Tensor:
    """Return (1 − p)^γ · −log p, given −log p ≥ 0 of any shape."""
    miss = -torch.expm1(-cross_entropy)  # 1 − p, without cancellation for p near 1
    # If p rounds to 1, the slope of (1 − p)^γ is infinite for γ < 1; the clamp makes it 0.
    return miss.clamp(min=torch.finfo(miss.dtype).tiny).pow(gamma) * cross_entropy
