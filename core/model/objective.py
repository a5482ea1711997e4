"""The training objective: the weighted sum of the losses of all heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..contracts.kinds import Loss
from ..contracts.offers import offers
from ..contracts.optional import WeighsClasses
from ..geometry.resampling import resample
from ..geometry.scores import Scores
from .strips import resampled_loss, terms_of
from .zero_shot import SeenClasses


@dataclass(frozen=True)
class Objective:
    """``objective(scores, targets)`` for scores and targets by head.

    ``losses``, ``weights``: by head. ``targets``: (N, H, W) int64 class indices. ``seen``: head ->
    seen classes, for the heads whose loss does not cover every class.
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float]
    seen: Mapping[str, SeenClasses] = field(default_factory=dict)

    def __call__(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> Tensor:
        """Return the scalar to minimize."""
        weighted = [
            self.weights[head] * resampled_loss(loss, *self._seen(head, scores, targets))
            for head, loss in self.losses.items()
        ]
        return torch.stack(weighted).sum()

    def _seen(
        self, head: str, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]
    ) -> tuple[Scores, Tensor]:
        """Return the scores and labels that a head's loss receives."""
        if (seen := self.seen.get(head)) is None:
            return scores[head], targets[head]
        return seen.scores(scores[head]), seen.target(targets[head])

    @property
    def chosen_weights(self) -> dict[str, float]:
        """The class weights of all losses that weight classes, by ``term/class``."""
        return {
            f"{name}/{key}" if name else key: weight
            for loss in self.losses.values()
            for name, _, term in terms_of(loss)
            if offers(term, WeighsClasses)
            for key, weight in term.chosen_weights.items()
        }

    @torch.no_grad()
    def bad_terms(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> list[str]:
        """Return the names of the terms that are not finite, and of scores that are not."""
        bad = []
        for head, loss in self.losses.items():
            seen_scores, target = self._seen(head, scores, targets)
            height, width = target.shape[-2:]
            logits = resample(seen_scores, (height, width))
            if not logits.isfinite().all():
                bad.append(f"the scores of head {head!r}, before any loss")
                continue
            kind = type(loss).__name__
            bad += [
                f"{kind} {name}".strip() + f" of head {head!r}"
                for name, _, term in terms_of(loss)
                if not term(logits, target).isfinite()
            ]
        return bad
