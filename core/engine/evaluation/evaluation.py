"""The results of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...common.numerics import finite_or_none
from ...model.objective import loss_names
from ...model.zero_shot import SeenClasses, ZeroShotScores
from .details import HeadDetails
from .head_results import HeadResults
from .metrics import SegmentationScores
from .notebook import html_table
from .snapshots import Snapshot


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation: the mean loss per image, and the scores of each head.

    ``loss``: the weighted sum over the heads with labels; NaN without an objective. ``losses``: the
    loss of each head without its weight; NaN without labels. ``per_image``: the scores of each
    image, by head, in the order of the split. ``seen``: the training classes of each zero-shot
    head. ``metrics``: the results of ``evaluation.metrics``, and what they follow from, by head.
    ``groups``: the group of each image, empty if the dataset names none. ``indices``: the index of
    each image in the split; some are missing if bad samples are skipped.
    ``snapshots``: some of the images. ``details``: what reports show besides, by head.
    """

    loss: float
    losses: Mapping[str, float]
    scores: Mapping[str, SegmentationScores]
    class_names: Mapping[str, Sequence[str]]
    per_image: Mapping[str, Sequence[Mapping[str, Any]]]
    seen: Mapping[str, SeenClasses] = field(default_factory=dict)
    metrics: Mapping[str, HeadResults] = field(default_factory=dict)
    groups: Sequence[str] = ()
    indices: Sequence[int] = ()
    snapshots: Sequence[Snapshot] = ()
    details: Mapping[str, HeadDetails] = field(default_factory=dict)

    def scalars(self, role: str) -> dict[str, float]:
        """Return each number under its name for ``monitor``, such as ``val/iou/road``.

        With several heads, names contain the head: ``val/geometric/mean_iou``.
        """
        found = {f"{role}/loss": self.loss}
        found |= {f"{role}/{name}": self.losses[h] for h, name in loss_names(self.scores).items()}
        for head, scores in self.scores.items():
            prefix = role if len(self.scores) == 1 else f"{role}/{head}"
            scalars = scores.scalars(self.class_names[head]) | self._zero_shot(head)
            if head in self.metrics:
                scalars |= self.metrics[head].scalars()
            found |= {f"{prefix}/{name}": value for name, value in scalars.items()}
        return found

    def lower_is_better(self) -> set[str]:
        """Return the names of the scores of metrics that are errors, without role and head."""
        return {name for one in self.metrics.values() for name in one.measures.lower_is_better()}

    def to_json(self) -> dict[str, Any]:
        """Return the loss, and the overall, per-class and per-image scores of each head.

        Numbers that are not finite become ``None``.
        """
        heads = {
            head: scores.to_json(self.class_names[head]) | {"per_image": self.per_image[head]}
            for head, scores in self.scores.items()
        }
        for head, found in self.metrics.items():
            heads[head] = found.added_to(heads[head])
        for head in loss_names(heads):
            heads[head]["loss"] = finite_or_none(self.losses[head])
        for head, classes in self.seen.items():
            found = {name: finite_or_none(value) for name, value in self._zero_shot(head).items()}
            heads[head]["zero_shot"] = {"unseen": classes.unseen_names} | found
        return {"loss": finite_or_none(self.loss), "heads": heads}

    def _repr_html_(self) -> str:
        """Show the scores as a table in a notebook."""
        return html_table(self.to_json())

    def _zero_shot(self, head: str) -> dict[str, float]:
        if head not in self.seen:
            return {}
        scores = self.scores[head]
        return ZeroShotScores.of(scores.iou, scores.accuracy, self.seen[head].unseen).scalars()
