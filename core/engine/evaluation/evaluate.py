"""Evaluate on a split: the four scores of the paper, per class and per image, and the loss.

Networks compute in float32 here, as in prediction, whatever the precision of the training.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from ....registry import PluxelError
from ...common.logs import images_counted, log_once
from ...common.progress import track
from ...config._config import Config
from ...contracts.kinds import Dataset
from ...data.groups import group_of
from ...data.loading import Loader, evaluation_loader
from ...data.samples import EvaluationData
from ...model.blueprint import Blueprint
from ...model.network import SegmentationModel
from ...model.objective import Objective
from ..distributed import Processes
from .background import background_classes
from .details import THREADS, Details
from .evaluation import Evaluation
from .examples import POOL
from .measures import build_measures
from .snapshots import Snapshots, evenly_spread
from .totals import Totals


@torch.inference_mode()
def evaluate(
    config: Config,
    blueprint: Blueprint,
    model: SegmentationModel,
    dataset: Dataset,
    role: str,
    objective: Objective | None,
    processes: Processes,
    *,
    pictures: int = 0,
) -> Evaluation:
    """Evaluate a model, which is on its device, on the split with ``role``.

    Each image is evaluated at its own size, and counts once over all processes. ``objective``: None
    to skip the loss. ``pictures``: the number of images to keep as ``snapshots``.

    Raises: PluxelError if no image could be evaluated, or if none has a label.
    """
    model.eval()
    spaces = blueprint.label_spaces()
    measures = build_measures(config, spaces)
    shots = Snapshots(blueprint, model.input_names, evenly_spread(len(dataset), pictures))
    background = background_classes(config, spaces)
    batches = _batches(config, blueprint, dataset, model.input_names, processes)
    with (
        ThreadPoolExecutor(THREADS, "details") as threads,
        images_counted(),
        track(f"evaluating {role}", len(batches)) as advance,
    ):
        pool = evenly_spread(len(dataset), POOL)
        detailed = spaces if config.pipeline.evaluation.details else {}
        details = {
            head: Details(space.num_classes, len(dataset), pool, threads)
            for head, space in detailed.items()
        }
        tally = Totals(spaces, background, measures, processes.device, shots, details)
        for batch in batches:
            on_device = batch.to(processes.device, non_blocking=True)
            scores = model(on_device.inputs)
            tally.add_losses(objective, scores, on_device)
            for head, found in scores.items():
                found.check_finite(", ".join(batch.names))
                target = on_device.targets[head]
                tally.count(head, batch, found, target)
            advance()
    seen = {name: head.seen for name, head in model.heads.items() if head.seen is not None}
    indices = tally.indices(processes)
    groups = [group_of(dataset, index) for index in indices]
    found = replace(tally.gathered(processes), seen=seen, groups=groups, indices=indices)
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
