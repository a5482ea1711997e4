"""Which weights are the best so far, and whether waiting for better ones is worth it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...registry import PluxelError, did_you_mean
from ..config import TrainingConfig


@dataclass
class Progress:
    """What a training remembers besides tensors.

    ``best`` is the best value of ``monitor`` so far, found at ``best_step``; ``waited`` counts the
    evaluations without a significant gain; ``seconds`` is the time spent, over all sessions.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    seconds: float = 0.0


def check_monitor(options: TrainingConfig, names: Sequence[str]) -> None:
    """Refuse a ``monitor`` that no evaluation reports; ``names`` are those that one does.

    Raises: PluxelError with the nearest name.
    """
    if options.monitor is not None and options.monitor not in names:
        if not names:
            raise PluxelError("without a split 'val' there is nothing to monitor: monitor: null")
        hint = did_you_mean(options.monitor, names)
        raise PluxelError(f"nothing is called {options.monitor!r}.{hint}")


def is_improvement(
    progress: Progress, options: TrainingConfig, scalars: Mapping[str, float]
) -> bool:
    """Note the scores of an evaluation; tell whether its weights are to be kept.

    Without a ``monitor``, the last ones are.
    """
    if options.monitor is None:
        return True
    value = scalars[options.monitor]
    if math.isnan(value):  # the class was absent: neither better nor worse
        return progress.best is None
    sign = -1 if (options.mode or _mode(options.monitor)) == "min" else 1
    gain = math.inf if progress.best is None else sign * (value - progress.best)
    significant = options.early_stop.min_delta if options.early_stop else 0.0
    progress.waited = 0 if gain > significant else progress.waited + 1
    if gain > 0:
        progress.best, progress.best_step = value, progress.step
    return gain > 0


def has_waited_enough(progress: Progress, options: TrainingConfig) -> bool:
    """Tell whether ``early_stop`` ends the training here."""
    return options.early_stop is not None and progress.waited >= options.early_stop.patience


def _mode(monitor: str) -> str:
    return "min" if re.fullmatch("[^/]+/loss", monitor) else "max"
