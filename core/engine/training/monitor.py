"""Track the best weights, and decide when to stop early."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....registry import PluxelError, did_you_mean
from ...config._config import Config
from ...config.sections.training import TrainingConfig
from ...contracts.labels import LabelSpace
from ...model.objective import loss_names
from ...model.zero_shot import SeenClasses
from ..evaluation.background import background_classes
from ..evaluation.evaluation import Evaluation
from ..evaluation.head_results import HeadResults
from ..evaluation.measures import Measures, build_measures, measures_of
from ..evaluation.metrics import SegmentationScores
from ..session_log import MonitorMode

_IGNORED = 255
"""An ignore index for metrics that are built only for the names of their scores."""


@dataclass
class TrainingProgress:
    """The state of a training besides tensors.

    ``phase``: the name of the present phase, to which all values but ``seconds`` and ``pixels``
    refer.
    ``earlier``: the number of steps of the phases before it. ``best``: the best value of
    ``monitor`` so far. ``mark``: the value at the last gain of more than ``min_delta``.
    ``waited``: the number of evaluations since that gain.
    ``evaluated``: the last evaluated step. ``samples``: the number of training samples so far, over
    all processes. ``seconds``: the training time over all sessions.
    """

    phase: str = ""
    earlier: int = 0
    step: int = 0
    samples: int = 0
    best: float | None = None
    mark: float | None = None
    waited: int = 0
    evaluated: int = 0
    seconds: float = 0.0
    pixels: int = 0

    @property
    def total(self) -> int:
        """The number of steps of all phases so far, by which files name a step."""
        return self.earlier + self.step

    def next_phase(self, name: str) -> TrainingProgress:
        """Return the progress at the start of the phase after this one."""
        return TrainingProgress(name, self.total, seconds=self.seconds, pixels=self.pixels)


def check_monitor(config: Config, spaces: Mapping[str, LabelSpace] | None) -> MonitorMode | None:
    """Check that evaluations report ``monitor``, and that metrics and background can be used.

    Return whether a high or a low value is better; None without a ``monitor``.
    ``spaces``: the label space of each head; None if the data, and so the classes, are missing.

    Raises: ConfigError with the nearest name.
    """
    pipeline, monitor = config.pipeline, config.pipeline.training.monitor
    background = background_classes(config, spaces) if spaces else {}
    if spaces:
        measures = build_measures(config, spaces)
    else:
        measures = {head: measures_of(config, ("",), _IGNORED) for head in pipeline.heads}
    if monitor is None:
        return None
    if not spaces and pipeline.evaluation.background:
        background = dict.fromkeys(pipeline.heads, (0,))  # some class of any head
    names = _scalar_names(
        {head: spaces[head].class_names if spaces else ("",) for head in pipeline.heads},
        background,
        measures,
        [head for head, section in pipeline.heads.items() if section.zero_shot],
    )
    of_any_class = () if spaces else tuple(name for name in names if name.endswith("/"))
    with config.at("training", "monitor"):
        if "val" not in pipeline.splits:
            raise PluxelError("there is no split 'val' to monitor; set monitor: null")
        if monitor not in names and not monitor.startswith(of_any_class):
            hint = did_you_mean(monitor, names) or f" Metrics are {', '.join(names[:4])} …"
            raise PluxelError(f"unknown metric {monitor!r}.{hint}")
    errors = {name for one in measures.values() for name in one.lower_is_better()}
    return _mode(pipeline.training, monitor, pipeline.heads, errors)


def _scalar_names(
    class_names: Mapping[str, Sequence[str]],
    background: Mapping[str, tuple[int, ...]],
    measures: Mapping[str, Measures],
    zero_shot: list[str],
) -> list[str]:
    """Return the metrics that an evaluation on ``val`` reports for heads with these classes."""
    empty = {
        head: SegmentationScores.of(
            np.zeros((len(names), len(names)), np.int64), background.get(head, ())
        )
        for head, names in class_names.items()
    }
    seen = {head: SeenClasses(tuple(class_names[head]), (), 255) for head in zero_shot}
    losses = dict.fromkeys(class_names, 0.0)
    metrics = {head: HeadResults.empty(one) for head, one in measures.items()}
    return list(Evaluation(0.0, losses, empty, class_names, {}, seen, metrics).scalars("val"))


def is_improvement(
    progress: TrainingProgress,
    options: TrainingConfig,
    scalars: Mapping[str, float],
    heads: Collection[str],
    errors: Collection[str] = (),
) -> bool:
    """Record the scores of an evaluation of ``heads``; return whether to keep its weights.

    Without a ``monitor``, the last weights are kept. ``errors``: the names of scores of metrics
    that are better if they are lower.
    """
    if options.monitor is None:
        return True
    value = scalars[options.monitor]
    if math.isnan(value):
        progress.waited += 1
        return progress.best is None
    sign = -1 if _mode(options, options.monitor, heads, errors) == "min" else 1
    min_delta = options.early_stop.min_delta if options.early_stop else 0
    if _gain(sign, value, progress.mark) > min_delta:
        progress.mark, progress.waited = value, 0
    else:
        progress.waited += 1
    better = _gain(sign, value, progress.best) > 0
    if better:
        progress.best = value
    return better


def undefined_monitor(
    options: TrainingConfig, evaluation: Evaluation, scalars: Mapping[str, float]
) -> str | None:
    """Return a warning if the monitored value is undefined, with the reason if it is known."""
    monitor = options.monitor
    if monitor is None or not math.isnan(scalars[monitor]):
        return None
    name = monitor.rpartition("/")[2]
    absent = {
        evaluation.class_names[head][index]
        for head, scores in evaluation.scores.items()
        for index in scores.absent
    }
    reason = f", because no image of val has the class '{name}'" if name in absent else ""
    return (
        f"{monitor} is undefined{reason}; until it is defined, the last weights are kept, and "
        "early_stop counts no improvement"
    )


def _gain(sign: int, value: float, previous: float | None) -> float:
    return math.inf if previous is None else sign * (value - previous)


def has_waited_enough(progress: TrainingProgress, options: TrainingConfig) -> bool:
    """Return whether ``early_stop`` ends the training now."""
    return options.early_stop is not None and progress.waited >= options.early_stop.patience


def _mode(
    options: TrainingConfig, monitor: str, heads: Collection[str], errors: Collection[str]
) -> MonitorMode:
    if options.mode:
        return options.mode
    name = monitor.partition("/")[2]
    if name in {"loss", *loss_names(heads).values()}:
        return "min"
    steps = name.split("/")
    score = steps[1] if len(heads) > 1 and len(steps) > 1 else steps[0]
    return "min" if score in errors else "max"
