"""The number of steps of a training, and the steps at which it evaluates and saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...config.sections.training import TrainingConfig


@dataclass(frozen=True)
class StepPlan:
    """The plan; ``batches_per_step`` counts all processes and rounds of accumulation."""

    steps: int
    batches_per_step: int
    eval_every: int
    checkpoint_every: int

    @classmethod
    def of(cls, options: TrainingConfig, images: int, processes: int) -> StepPlan:
        """Return the plan for a number of images and processes."""
        batches_per_step = options.accumulate * processes
        epoch = math.ceil(images / (options.batch_size * batches_per_step))
        steps = options.steps or (options.epochs or 0) * epoch
        eval_every = options.eval_every or max(1, steps // 10)
        return cls(steps, batches_per_step, eval_every, options.checkpoint_every or eval_every)

    def is_due(self, step: int) -> bool:
        """Return whether to evaluate, or without ``val`` to keep the weights, after a step."""
        return step > 0 and (step % self.eval_every == 0 or step == self.steps)
