"""Cross-entropy of the hardest pixels (Shrivastava, Gupta & Girshick 2016)."""

from __future__ import annotations

from math import log
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...core.authoring import SegmentationLoss


class OHEM(SegmentationLoss):
    """The mean cross-entropy of the pixels that are hard: online hard example mining.

    ``threshold``: pixels whose true class has a smaller probability are hard; none: only the share
    decides. ``min_kept``: the share of the labeled pixels of the batch that is kept at least, those
    with the largest losses.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        threshold: Annotated[float, Field(gt=0, lt=1)] | None = 0.7,
        min_kept: Annotated[float, Field(gt=0, le=1)] = 0.1,
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.threshold = threshold
        self.min_kept = min_kept

    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the hard pixels."""
        labeled = target != self.ignore_index
        shown = logits.where(labeled[:, None], 0)
        losses = functional.cross_entropy(shown, target.where(labeled, 0), reduction="none")
        values = losses.detach().where(labeled, -1.0).flatten()
        count = (self.min_kept * labeled.sum()).ceil().long().clamp(min=1)
        limit = values.sort(descending=True).values.gather(0, count[None] - 1)
        if self.threshold is not None:
            limit = limit.clamp(max=-log(self.threshold))
        # Not `>=`, so that a loss that is not finite is kept.
        kept = labeled & ~(losses.detach() < limit)
        return losses.where(kept, 0).sum() / torch.count_nonzero(kept).clamp(min=1)
