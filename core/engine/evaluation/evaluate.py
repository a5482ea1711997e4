"""Evaluate on a split: the four scores of the paper, per class and per image, and the loss.

Networks compute in float32 here, as in prediction, whatever the precision of the training.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from ....registry import PluxelError
from ...common.logs import images_counted, log_once
from ...common.numerics import finite_or_none
from ...common.progress import track
from ...config._config import Config
from ...contracts.kinds import Dataset
from ...contracts.labels import LabelSpace
from ...data.batch import Batch
from ...data.loading import Loader, evaluation_loader
from ...data.samples import EvaluationData
from ...geometry.scores import Scores
from ...model.blueprint import Blueprint
from ...model.network import SegmentationModel
from ...model.objective import Objective, loss_names
from ...model.strips import resampled_classes
from ...model.zero_shot import SeenClasses, ZeroShotScores
from ..distributed import Processes
from .background import background_classes
from .metrics import ConfusionMatrix, SegmentationScores


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation: the mean loss per image, and the scores of each head.

    ``loss``: the weighted sum over the heads with labels; NaN without an objective. ``losses``: the
    loss of each head without its weight; NaN without labels. ``per_image``: the scores of each
    image, by head, in the order of the split. ``seen``: the training classes of each zero-shot
    head.
    """

    loss: float
    losses: Mapping[str, float]
    scores: Mapping[str, SegmentationScores]
    class_names: Mapping[str, Sequence[str]]
    per_image: Mapping[str, Sequence[Mapping[str, Any]]]
    seen: Mapping[str, SeenClasses] = field(default_factory=dict)

    def scalars(self, role: str) -> dict[str, float]:
        """Return each number under its name for ``monitor``, such as ``val/iou/road``.

        With several heads, names contain the head: ``val/geometric/mean_iou``.
        """
        found = {f"{role}/loss": self.loss}
        found |= {f"{role}/{name}": self.losses[h] for h, name in loss_names(self.scores).items()}
        for head, scores in self.scores.items():
            prefix = role if len(self.scores) == 1 else f"{role}/{head}"
            scalars = scores.scalars(self.class_names[head]) | self._zero_shot(head)
            found |= {f"{prefix}/{name}": value for name, value in scalars.items()}
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the loss, and the overall, per-class and per-image scores of each head.

        Numbers that are not finite become ``None``.
        """
        heads = {
            head: scores.to_json(self.class_names[head]) | {"per_image": self.per_image[head]}
            for head, scores in self.scores.items()
        }
        for head in loss_names(heads):
            heads[head]["loss"] = finite_or_none(self.losses[head])
        for head, classes in self.seen.items():
            found = {name: finite_or_none(value) for name, value in self._zero_shot(head).items()}
            heads[head]["zero_shot"] = {"unseen": classes.unseen_names} | found
        return {"loss": finite_or_none(self.loss), "heads": heads}

    def _zero_shot(self, head: str) -> dict[str, float]:
        if head not in self.seen:
            return {}
        scores = self.scores[head]
        return ZeroShotScores.of(scores.iou, scores.accuracy, self.seen[head].unseen).scalars()


@torch.inference_mode()
def evaluate(
    config: Config,
    blueprint: Blueprint,
    model: SegmentationModel,
    dataset: Dataset,
    role: str,
    objective: Objective | None,
    processes: Processes,
) -> Evaluation:
    """Evaluate a model, which is on its device, on the split with ``role``.

    Each image is evaluated at its own size, and counts once over all processes. ``objective``: None
    to skip the loss.

    Raises: PluxelError if no image could be evaluated, or if none has a label.
    """
    model.eval()
    spaces = blueprint.label_spaces()
    tally = _Totals(spaces, background_classes(config, spaces), processes.device)
    batches = _batches(config, blueprint, dataset, model.input_names, processes)
    with images_counted(), track(f"evaluating {role}", len(batches)) as advance:
        for batch in batches:
            on_device = batch.to(processes.device, non_blocking=True)
            scores = model(on_device.inputs)
            tally.add_losses(objective, scores, on_device)
            for head, found in scores.items():
                found.check_finite(", ".join(batch.names))
                target = on_device.targets[head]
                height, width = target.shape[-2:]
                tally.count(head, batch, resampled_classes(found, (height, width)), target)
            advance()
    seen = {name: head.seen for name, head in model.heads.items() if head.seen is not None}
    found = replace(tally.gathered(processes), seen=seen)
    found = tally.with_losses(found, objective.weights if objective else {}, processes)
    if not any(found.per_image.values()):
        raise PluxelError(f"no image of {role} could be evaluated")
    _check_labeled(found, role, blueprint)
    return found


def _check_labeled(found: Evaluation, role: str, blueprint: Blueprint) -> None:
    unlabeled = [head for head, scores in found.scores.items() if scores.pixels == 0]
    if len(unlabeled) == len(found.scores):
        maps = ", ".join(dict.fromkeys(map(repr, blueprint.targets.values())))
        raise PluxelError(
            f"cannot evaluate on {role}: every pixel of its {maps} masks is ignored; "
            "check the masks and the label map with pluxel data check"
        )
    for head in unlabeled:
        log_once(logging.WARNING, f"no pixel of {role} is labeled for head '{head}'")


def _batches(
    config: Config,
    blueprint: Blueprint,
    dataset: Dataset,
    inputs: Sequence[str],
    processes: Processes,
) -> Loader:
    """Return this process's share of a split; ``inputs``: names of the model's inputs."""
    options = config.pipeline.evaluation
    data = EvaluationData(
        dataset,
        blueprint.label_spaces(),
        inputs=inputs,
        sources=blueprint.targets,
        on_bad_sample=config.pipeline.training.on_bad_sample,
    )
    return evaluation_loader(
        data,
        options.batch_size,
        workers=options.workers,
        pin_memory=processes.device.type == "cuda",
        rank=processes.process_index,
        world_size=processes.num_processes,
    )


class _Totals:
    """The totals of one process."""

    def __init__(
        self,
        spaces: Mapping[str, LabelSpace],
        background: Mapping[str, tuple[int, ...]],
        device: torch.device,
    ) -> None:
        self.losses: dict[str, list[tuple[Tensor, Tensor]]] = {head: [] for head in spaces}
        self.ignored = {head: space.ignore_index for head, space in spaces.items()}
        self.matrices = {
            head: ConfusionMatrix(space.num_classes, space.ignore_index, device)
            for head, space in spaces.items()
        }
        self.background = background
        self.class_names = {head: space.class_names for head, space in spaces.items()}
        self.per_image: dict[str, list[tuple[int, dict[str, Any]]]] = {h: [] for h in spaces}

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

    def count(self, head: str, batch: Batch, prediction: Tensor, target: Tensor) -> None:
        """Count a batch image by image: prediction and target (N, H, W)."""
        counts = self.matrices[head].update_each(prediction, target)
        images = map(SegmentationScores.of, counts.cpu().numpy())
        for index, name, scores in zip(batch.indices, batch.names, images, strict=True):
            found = {"name": name} | scores.image_json(self.class_names[head])
            self.per_image[head].append((index, found))

    def gathered(self, processes: Processes) -> Evaluation:
        """Return the scores over all processes, without the losses."""
        per_image = {
            head: [row for _, row in sorted(processes.gather_objects(rows), key=itemgetter(0))]
            for head, rows in self.per_image.items()
        }
        return Evaluation(
            loss=math.nan,
            losses=dict.fromkeys(self.matrices, math.nan),
            scores={
                head: matrix.reduce().scores(self.background[head])
                for head, matrix in self.matrices.items()
            },
            class_names=self.class_names,
            per_image=per_image,
        )
