"""Softmax cross-entropy over pixels (Long, Shelhamer & Darrell 2015, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...core import ClassFrequencies
from ...core.authoring import ClassWeights, PixelwiseLoss, Reduction


class CrossEntropy(PixelwiseLoss):
    """Minus the log-probability of the true class.

    ``reduction``: ``mean`` over the labeled pixels (weighted, with class weights), or their
    ``sum``. The published models of the paper use the sum, with learning rates of 1e-10 and below.
    (Caffe's ``normalize: false`` divides by the batch size, which is 1 there.)
    ``class_weights``: ``auto`` (the mild ``inverse_sqrt``), ``median_frequency``,
    ``effective_number``, class name -> weight, or a list.
    ``label_smoothing``: share of the target spread over all classes (Szegedy et al. 2016).
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str],
        class_frequencies: ClassFrequencies,
        *,
        reduction: Reduction = "mean",
        class_weights: ClassWeights = None,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index,
            class_names,
            class_frequencies,
            class_weights=class_weights,
            reduction=reduction,
        )
        self.label_smoothing = label_smoothing

    def weighted_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel with its weight, (N, H, W); 0 for ignored pixels."""
        return functional.cross_entropy(
            logits,
            target,
            weight=self.weight_for(logits),
            ignore_index=self.ignore_index,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
