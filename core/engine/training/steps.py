"""The number of steps of a training, and the steps at which it evaluates and saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ....registry import PluxelError
from ...config.sections.training import TrainingConfig


@dataclass(frozen=True)
class StepPlan:
    """The plan; ``samples_per_step`` counts all processes and rounds of accumulation."""

    steps: int
    samples_per_step: int
    eval_every: int
    checkpoint_every: int

    @classmethod
    def of(
        cls, options: TrainingConfig, images: int, processes: int, step: int = 0, samples: int = 0
    ) -> StepPlan:
        """Return the plan for a number of images and processes, after ``step`` of ``samples``.

        Epochs are passes over all images, rounded up once to a whole step.

        Raises: PluxelError if ``step`` is after the last one.
        """
        per_step = options.batch_size * options.accumulate * processes
        left = max(0, (options.epochs or 0) * images - samples)
        steps = options.steps or step + math.ceil(left / per_step)
        if steps < step:
            raise PluxelError(
                f"training.steps is {steps}, but the checkpoint is already at step {step}: set "
                "more steps, or start again with --overwrite"
            )
        eval_every = options.eval_every or max(1, steps // 10)
        return cls(steps, per_step, eval_every, options.checkpoint_every or eval_every)

    def warm_up_warning(self, options: TrainingConfig) -> str | None:
        """Return a warning if the warm-up lasts longer than the training."""
        warm_up = options.schedule.warmup_steps
        if warm_up < self.steps:
            return None
        return (
            f"training.schedule.warmup_steps is {warm_up}, but the training ends after "
            f"{self.steps} steps, so it never reaches its learning rate"
        )

    def is_due(self, step: int) -> bool:
        """Return whether to evaluate, or without ``val`` to keep the weights, after a step."""
        return step > 0 and (step % self.eval_every == 0 or step == self.steps)
