"""The section ``training``: how long, with what optimizer, and what is watched."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from ...contracts.options import OnBadSample, Precision, Sampling
from ..messages.faults import fault
from .choice import Choice
from .section import (
    Count,
    CountOrZero,
    Momentum,
    NonNegative,
    PositiveNumber,
    Section,
    UnitInterval,
)


class SGDConfig(Section):
    """Stochastic gradient descent with momentum, and the paper's parameter groups.

    Long et al. (PAMI 2016), section 4.3: biases learn twice as fast and are not decayed.
    """

    type: Literal["sgd"] = "sgd"
    lr: PositiveNumber
    """Learning rate. It goes with the loss: mean or sum of pixels."""

    momentum: Momentum = 0.9
    """Share of the last step that is kept, 0 to 1."""

    nesterov: bool = False
    """Look ahead along the momentum."""

    weight_decay: NonNegative = 5e-4
    """L2 penalty, added to the gradient."""

    bias_lr_factor: NonNegative = 2.0
    """Learning rate of biases over `lr`."""

    bias_decay: bool = False
    """Decay biases and the scales of norms too."""


class AdamWConfig(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    type: Literal["adamw"] = "adamw"
    lr: PositiveNumber = 1e-4
    """Learning rate."""

    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    """Decay of the running mean and of the running square, 0 to 1."""

    eps: PositiveNumber = 1e-8
    """Keeps the quotient finite."""

    weight_decay: NonNegative = 0.01
    """Share of a weight lost per step and lr."""

    bias_lr_factor: NonNegative = 1.0
    """Learning rate of biases over `lr`."""

    bias_decay: bool = False
    """Decay biases and the scales of norms too."""


OptimizerConfig = Annotated[SGDConfig | AdamWConfig, Choice("optimizer", default="adamw")]


class _WarmUp(Section):
    warmup_steps: CountOrZero = 0
    """Steps in which the rate rises linearly, before the schedule begins."""

    warmup_factor: UnitInterval = 0.1
    """Where the rise begins, as a factor on lr."""


class ConstantSchedule(_WarmUp):
    """The learning rate stays."""

    type: Literal["constant"] = "constant"


class PolySchedule(_WarmUp):
    """(1 − t)^power, t from 0 to 1 (Chen et al., DeepLab, 2016)."""

    type: Literal["poly"] = "poly"
    power: PositiveNumber = 0.9
    """1 is a straight line."""

    min_factor: UnitInterval = 0.0
    """Where it ends, as a factor on lr."""


class CosineSchedule(_WarmUp):
    """Half a cosine (Loshchilov and Hutter, 2017)."""

    type: Literal["cosine"] = "cosine"
    min_factor: UnitInterval = 0.0
    """Where it ends, as a factor on lr."""


ScheduleConfig = Annotated[
    ConstantSchedule | PolySchedule | CosineSchedule, Choice("schedule", default="constant")
]


class GroupConfig(Section):
    """Parameters that learn differently; the last group that matches a parameter counts."""

    match: str
    """Regular expression, searched in a parameter's name: '^streams.image'."""

    lr_factor: NonNegative = 1.0
    """Learning rate over the optimizer's."""

    weight_decay: NonNegative | None = None
    """null: the optimizer's."""

    frozen: bool = False
    """Do not train them at all."""

    @field_validator("match")
    @classmethod
    def _compiles(cls, match: str) -> str:
        try:
            re.compile(match)
        except re.error as error:
            raise ValueError(f"'{match}' is not a regular expression: {error}") from error
        return match


class EarlyStopConfig(Section):
    """Stop when the monitored value no longer improves."""

    patience: Count
    """Evaluations without improvement."""

    min_delta: NonNegative = 0.0
    """The least change that is an improvement."""


class TrainingConfig(Section):
    """How a model is trained. A step is one update of the weights."""

    epochs: Count | None = None
    """Passes over the training split."""

    steps: Count | None = Field(
        default_factory=lambda others: None if others.get("epochs") else 1000
    )
    """Updates in all, in place of epochs; 1000 if neither is given."""

    batch_size: Count = 4
    """Images a forward pass."""

    accumulate: Count = 1
    """Forward passes an update."""

    sampling: Sampling = "shuffle"
    """shuffle: each image once an epoch; uniform: with replacement."""

    workers: CountOrZero = 0
    """Processes that load images; 0: none but this."""

    precision: Precision = "auto"
    """auto: bf16 where the device computes in it, else fp32."""

    optimizer: OptimizerConfig = AdamWConfig()
    """sgd or adamw, with its rates."""

    groups: list[GroupConfig] = Field(default_factory=list)
    """Parameters that learn differently."""

    schedule: ScheduleConfig = ConstantSchedule()
    """How the learning rate changes: constant, poly or cosine."""

    clip_norm: PositiveNumber | None = None
    """Largest norm of the whole gradient."""

    ema: Momentum | None = None
    """Decay a step of the averaged weights (0.999, say); null: no average."""

    eval_every: Count | None = None
    """Steps; null: ten times a run."""

    checkpoint_every: Count | None = None
    """Steps; null: as eval_every."""

    log_every: Count = 20
    """Steps."""

    monitor: str | None = "val/mean_iou"
    """What the best weights are best by: 'val/iou/road', 'val/loss'."""

    mode: Literal["max", "min"] | None = None
    """Which is better; null: min for names that end in loss, else max."""

    early_stop: EarlyStopConfig | None = None
    """null: train to the end."""

    on_bad_sample: OnBadSample = "stop"
    """What an unreadable image does to the run."""

    @field_validator("early_stop")
    @classmethod
    def _waits_for_something(
        cls, early_stop: EarlyStopConfig | None, info: ValidationInfo
    ) -> EarlyStopConfig | None:
        if early_stop is not None and info.data.get("monitor", "") is None:
            raise fault(
                "early_stop waits for gains of 'monitor', which is null: name one, such as "
                "val/mean_iou, or leave early_stop out",
                at="key",
            )
        return early_stop

    @field_validator("steps")
    @classmethod
    def _one_length(cls, steps: int | None, info: ValidationInfo) -> int | None:
        epochs = info.data.get("epochs")
        if steps is not None and epochs is not None:
            raise fault(
                "give steps or epochs, not both (null clears the one from a base)", at="key"
            )
        if steps is None and epochs is None:
            raise fault("give a number of steps or of epochs", at="key")
        return steps


class EvaluationConfig(Section):
    """How a model is evaluated."""

    batch_size: Count = 1
    """Images a forward pass."""

    workers: CountOrZero = 0
    """Processes that load images; 0: none but this."""
