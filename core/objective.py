"""The training objective: the weighted sum of what each head's loss says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .contracts import Loss, Scores
from .fused import resampled_loss
from .resampling import resample


@dataclass(frozen=True)
class Objective:
    """``objective(scores, targets)`` for scores and targets by head.

    ``losses`` and ``weights``: by head. ``targets``: (N, H, W) int64 class indices.
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float]

    def __call__(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> Tensor:
        """Return the scalar that is minimised."""
        weighted = [
            self.weights[head] * resampled_loss(loss, scores[head], targets[head])
            for head, loss in self.losses.items()
        ]
        return torch.stack(weighted).sum()

    @torch.no_grad()
    def bad_terms(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> list[str]:
        """Name the terms that are not finite, and scores that were not to begin with."""
        bad = []
        for head, loss in self.losses.items():
            height, width = targets[head].shape[-2:]
            logits = resample(scores[head], (height, width))
            if not logits.isfinite().all():
                bad.append(f"the scores of head {head!r}, before any loss")
                continue
            split = getattr(loss, "terms", None)
            terms = split(logits, targets[head]) if split else {"": loss(logits, targets[head])}
            names = [term for term, value in terms.items() if not value.isfinite()]
            kind = type(loss).__name__
            bad += [f"{kind} {name}".strip() + f" of head {head!r}" for name in names]
        return bad
