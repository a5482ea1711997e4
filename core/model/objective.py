"""The training objective: the weighted sum of the losses of all heads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..contracts.kinds import Loss
from ..contracts.offers import offers
from ..contracts.optional import WeighsClasses
from ..geometry.resampling import resample
from ..geometry.scores import Scores
from .strips import normalizers, resampled_loss, terms_of
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

    def __call__(
        self,
        scores: Mapping[str, Scores],
        targets: Mapping[str, Tensor],
        shares: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> Tensor:
        """Return the scalar to minimize; ``shares``: by head, a factor () for each term."""
        return self.total(self.by_head(scores, targets, shares))

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum () of the losses of heads."""
        return torch.stack([self.weights[head] * loss for head, loss in losses.items()]).sum()

    def by_head(
        self,
        scores: Mapping[str, Scores],
        targets: Mapping[str, Tensor],
        shares: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> dict[str, Tensor]:
        """Return the loss () of each head, without its weight."""
        return {
            head: resampled_loss(
                loss, *self._seen(head, scores, targets), shares[head] if shares else None
            )
            for head, loss in self.losses.items()
        }

    def normalizers(self, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the normalizer of each term, by head: (terms,), 1 for terms without one."""
        return {
            head: torch.stack(normalizers(loss, self.labels(head, targets)))
            for head, loss in self.losses.items()
        }

    def labels(self, head: str, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the labels that a head's loss receives: unseen classes are ignored."""
        seen = self.seen.get(head)
        return targets[head] if seen is None else seen.target(targets[head])

    def _seen(
        self, head: str, scores: Mapping[str, Scores], targets: Mapping[str, Tensor]
    ) -> tuple[Scores, Tensor]:
        """Return the scores and labels that a head's loss receives."""
        seen, own = self.seen.get(head), scores[head]
        return own if seen is None else seen.scores(own), self.labels(head, targets)

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


def loss_names(heads: Collection[str]) -> dict[str, str]:
    """Return the name of each head's own loss in logs; of one head, it is that of the sum."""
    return {head: f"{head}/loss" for head in heads} if len(heads) > 1 else {}
