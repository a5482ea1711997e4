"""Cross-entropy with label smoothing by meaning: a car resembles a bus more than a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...core import ClassFrequencies
from ...core.authoring import ClassWeights, Embeddings, PixelwiseLoss, Reduction, name_vectors


class Semantic(PixelwiseLoss):
    """Cross-entropy with labels smoothed by the similarity of the class names.

    The target of class y is (1 − ``smoothing``) · onehot(y) + ``smoothing`` · softmax(cos(w_y, ·) /
    ``temperature``) for the vectors w of the names: label smoothing (Szegedy et al. 2016) with a
    separate prior for each class. High temperatures approach the label smoothing of
    ``cross_entropy``; low ones approach no smoothing.

    ``embedding``: one, or several whose unit vectors are concatenated. ``smoothing``: share of the
    target that is distributed by similarity, 0–1. ``temperature``: divides the cosines; the lower,
    the fewer classes share the smoothed part. ``reduction``, ``class_weights``: as for
    ``cross_entropy``.

    Raises: UnknownWordError, which lists the names without a vector.
    """

    _targets: Tensor

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str],
        class_frequencies: ClassFrequencies,
        *,
        embedding: Embeddings,
        smoothing: Annotated[float, Field(ge=0, le=1)] = 0.1,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        reduction: Reduction = "mean",
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index,
            class_names,
            class_frequencies,
            class_weights=class_weights,
            reduction=reduction,
        )
        vectors = name_vectors(class_names, [one() for one in embedding]).double()
        similar = (vectors @ vectors.T / temperature).softmax(1)
        targets = torch.eye(num_classes, dtype=torch.float64).lerp(similar, smoothing)
        # Not persistent: it follows from the configuration and the names.
        self.register_buffer("_targets", targets, persistent=False)

    def weighted_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel with its weight, (N, H, W); 0 for ignored pixels."""
        targets = self._targets.to(logits)
        if (weight := self.weight_for(logits)) is not None:
            targets = targets * weight
        # The loss for every possible label: one convolution computes the products with all rows.
        losses = -functional.conv2d(logits.log_softmax(1), targets[:, :, None, None])
        labeled = target != self.ignore_index
        chosen = losses.gather(1, target.where(labeled, 0).unsqueeze(1)).squeeze(1)
        return chosen.where(labeled, 0)
