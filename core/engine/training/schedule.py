"""Learning-rate factors as functions of the step, which makes resuming stateless."""

from __future__ import annotations

import math

from ...config.sections.training import ConstantSchedule, CosineSchedule, PolySchedule

Schedule = ConstantSchedule | PolySchedule | CosineSchedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return the factor of the base learning rate at ``step`` (0 … steps − 1).

    Warm-up rises linearly from ``warmup_factor`` to 1 over ``warmup_steps``. Then the schedule
    starts: ``poly`` is (1 − t)^power (Chen et al., DeepLab, 2016) and ``cosine`` is half a cosine
    (Loshchilov and Hutter, SGDR, 2017). Both end at ``min_factor``.
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
