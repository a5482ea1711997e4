"""Learning-rate factors as functions of the step, so that resuming needs no state."""

from __future__ import annotations

import math

from ...config.sections.training import ConstantSchedule, CosineSchedule, PolySchedule

Schedule = ConstantSchedule | PolySchedule | CosineSchedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return what the base learning rate is multiplied by in ``step`` (0 … steps − 1).

    Warm-up rises linearly from ``warmup_factor`` to 1 over ``warmup_steps``, upon which the
    schedule itself starts; ``poly`` is (1 − t)^power (Chen et al., DeepLab, 2016), ``cosine`` half
    a cosine (Loshchilov and Hutter, SGDR, 2017), each down to ``min_factor``.
    """
    if step < schedule.warmup_steps:
        done = step / schedule.warmup_steps
        return schedule.warmup_factor + (1 - schedule.warmup_factor) * done
    if isinstance(schedule, ConstantSchedule):
        return 1.0
    progress = (step - schedule.warmup_steps) / max(1, steps - schedule.warmup_steps)
    if isinstance(schedule, PolySchedule):
        decay = (1 - progress) ** schedule.power
    else:
        decay = (1 + math.cos(math.pi * progress)) / 2
    return schedule.min_factor + (1 - schedule.min_factor) * decay
