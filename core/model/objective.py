"""The training objective: the weighted sum of what each head's loss says."""

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

    ``losses`` and ``weights``: by head. ``targets``: (N, H, W) int64 class indices. ``seen``: of
    the heads whose loss does not see every class.
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float]
    seen: Mapping[str, SeenClasses] = field(default_factory=dict)

    def __call__(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> Tensor:
        """Return the scalar that is minimized."""
        weighted = [
            self.weights[head] * resampled_loss(loss, *self._seen(head, scores, targets))
            for head, loss in self.losses.items()
        ]
        return torch.stack(weighted).sum()

    def _seen(
        self, head: str, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]
    ) -> tuple[Scores, Tensor]:
        """Return scores and labels of a head as its loss sees them."""
        if (seen := self.seen.get(head)) is None:
            return scores[head], targets[head]
        return seen.scores(scores[head]), seen.target(targets[head])

    @property
    def chosen_weights(self) -> dict[str, float]:
        """The class weights of all losses that have any, by ``term/class``."""
        return {
            f"{name}/{key}" if name else key: weight
            for loss in self.losses.values()
            for name, _, term in terms_of(loss)
            if offers(term, WeighsClasses)
            for key, weight in term.chosen_weights.items()
        }

    @torch.no_grad()
    def bad_terms(self, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]) -> list[str]:
        """Name the terms that are not finite, and scores that were not to begin with."""
        bad = []
        for head, loss in self.losses.items():
            found, target = self._seen(head, scores, targets)
            height, width = target.shape[-2:]
            logits = resample(found, (height, width))
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
