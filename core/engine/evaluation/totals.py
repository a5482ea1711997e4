"""Add up the losses and the statistics of the images of a split, in one process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from ...contracts.labels import LabelSpace
from ...data.batch import Batch
from ...geometry.scores import Scores
from ...model.objective import Objective
from ...model.strips import resampled_classes
from ..distributed import Processes
from .details import Details
from .evaluation import Evaluation
from .head_results import HeadResults
from .measures import COUNTS, Measures, segmented
from .metrics import ConfusionMatrix, SegmentationScores
from .snapshots import Snapshots
from .statistics import SparseRow, sparse_row


class Totals:
    """The totals of one process; ``details``: by head, empty if no report needs them."""

    def __init__(
        self,
        spaces: Mapping[str, LabelSpace],
        background: Mapping[str, tuple[int, ...]],
        measures: Mapping[str, Measures],
        device: torch.device,
        snapshots: Snapshots,
        details: Mapping[str, Details],
    ) -> None:
        self.losses: dict[str, list[tuple[Tensor, Tensor]]] = {head: [] for head in spaces}
        self.ignored = {head: space.ignore_index for head, space in spaces.items()}
        self.matrices = {
            head: ConfusionMatrix(space.num_classes, space.ignore_index, device)
            for head, space in spaces.items()
        }
        self.background = background
        self.measures = measures
        self.snapshots, self.details = snapshots, details
        self.class_names = {head: space.class_names for head, space in spaces.items()}
        self.per_image: dict[str, list[tuple[int, dict[str, Any]]]] = {h: [] for h in spaces}
        self.rows: dict[str, list[tuple[int, dict[str, SparseRow]]]] = {h: [] for h in spaces}

    def add_losses(
        self, objective: Objective | None, scores: Mapping[str, Scores], batch: Batch
    ) -> None:
        """Keep the loss of each image, which does not depend on its batch, by head."""
        if objective is None:
            return
        images = [
            objective.by_head(
                {head: replace(s, tensor=s.tensor[i : i + 1]) for head, s in scores.items()},
                {head: target[i : i + 1] for head, target in batch.targets.items()},
            )
            for i in range(len(batch))
        ]
        for head in objective.losses:
            labels = objective.labels(head, batch.targets)
            labeled = (labels != self.ignored[head]).flatten(1).any(1)
            self.losses[head].append((torch.stack([each[head] for each in images]), labeled))

    def with_losses(
        self, found: Evaluation, weights: Mapping[str, float], processes: Processes
    ) -> Evaluation:
        """Return the scores with each head's mean loss over its labeled images, and their sum."""
        means: dict[str, float] = {}
        for head in weights:
            # Read only at the end, since reading makes the host wait for the device.
            pairs = [
                pair
                for losses, labeled in self.losses[head]
                for pair in zip(losses.tolist(), labeled.tolist(), strict=True)
            ]
            own = sum(loss for loss, counts in pairs if counts)
            sums = processes.gather_objects([(own, sum(counts for _, counts in pairs))])
            if images := sum(count for _, count in sums):
                means[head] = sum(loss for loss, _ in sums) / images
        loss = sum(weights[head] * mean for head, mean in means.items()) if means else math.nan
        return replace(found, loss=loss, losses=dict(found.losses) | means)

    def count(self, head: str, batch: Batch, found: Scores, target: Tensor) -> None:
        """Count a batch image by image: scores, and the target (N, H, W)."""
        height, width = target.shape[-2:]
        prediction, matrix = resampled_classes(found, (height, width)), self.matrices[head]
        counts = matrix.update_each(prediction, target)
        self.snapshots.add(head, batch, prediction)
        images = map(SegmentationScores.of, counts.cpu().numpy())
        seen = segmented(found, prediction, target, matrix, counts)
        statistics = {COUNTS: seen.counts.cpu().numpy(), **self.measures[head].statistics(seen)}
        self.rows[head] += [
            (index, {key: sparse_row(values[at]) for key, values in statistics.items()})
            for at, index in enumerate(batch.indices)
        ]
        if head in self.details:
            self.details[head].add(seen, batch.indices, statistics[COUNTS])
        for index, name, scores in zip(batch.indices, batch.names, images, strict=True):
            row = {"name": name} | scores.image_json(self.class_names[head])
            self.per_image[head].append((index, row))

    def gathered(self, processes: Processes) -> Evaluation:
        """Return the scores over all processes, without the losses."""
        per_image = {head: _in_order(processes, rows) for head, rows in self.per_image.items()}
        matrices = {head: matrix.reduce() for head, matrix in self.matrices.items()}
        return Evaluation(
            loss=math.nan,
            losses=dict.fromkeys(self.matrices, math.nan),
            scores={
                head: matrix.scores(self.background[head]) for head, matrix in matrices.items()
            },
            class_names=self.class_names,
            per_image=per_image,
            metrics={
                head: HeadResults.of(
                    self.measures[head], matrices[head].counts, _in_order(processes, rows)
                )
                for head, rows in self.rows.items()
            },
            snapshots=self.snapshots.gathered(processes),
            details={head: one.gathered(processes) for head, one in self.details.items()},
        )

    def indices(self, processes: Processes) -> list[int]:
        """Return the indices of all evaluated images, in the order of the split."""
        rows = next(iter(self.rows.values()))
        return sorted(processes.gather_objects([index for index, _ in rows]))


def _in_order(processes: Processes, rows: list[tuple[int, Any]]) -> list[Any]:
    """Return what all processes have of each image, in the order of the split."""
    return [row for _, row in sorted(processes.gather_objects(rows), key=itemgetter(0))]
