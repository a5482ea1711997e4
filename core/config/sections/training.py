"""The sections ``training`` and ``evaluation``: duration, optimizer, schedule, monitoring."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from ...contracts.kinds import Metric
from ...contracts.options import OnBadSample, Precision, Sampling
from ..messages.faults import fault
from .choice import Choice
from .factory import Factory
from .section import (
    COMPLETE,
    Count,
    CountOrZero,
    Momentum,
    NonNegative,
    PositiveNumber,
    Probability,
    Section,
    UnitInterval,
)


class SGDConfig(Section):
    """Stochastic gradient descent with momentum, and the parameter groups of FCN.

    Long et al. (PAMI 2016), section 4.3: biases have twice the learning rate and no decay.
    """

    model_config = ConfigDict(title="SGD")

    type: Literal["sgd"] = "sgd"
    lr: PositiveNumber
    """Learning rate; a suitable value depends on the loss: mean or sum over pixels."""

    momentum: Momentum = 0.9
    """Fraction of the previous step to keep, 0 to 1."""

    nesterov: bool = False
    """Use Nesterov momentum."""

    weight_decay: NonNegative = 5e-4
    """L2 penalty, added to the gradient."""

    bias_lr_factor: NonNegative = 2.0
    """Factor on `lr` for biases."""

    bias_decay: bool = False
    """Also decay biases and normalization scales."""


class AdamWConfig(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    model_config = ConfigDict(title="AdamW")

    type: Literal["adamw"] = "adamw"
    lr: PositiveNumber = 1e-4
    """Learning rate."""

    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    """Decay of the running mean and of the running mean square, 0 to 1."""

    eps: PositiveNumber = 1e-8
    """Added to the denominator for numerical stability."""

    weight_decay: NonNegative = 0.01
    """Fraction of a weight lost per step, multiplied by lr."""

    bias_lr_factor: NonNegative = 1.0
    """Factor on `lr` for biases."""

    bias_decay: bool = False
    """Also decay biases and normalization scales."""


OptimizerConfig = Annotated[SGDConfig | AdamWConfig, Choice("optimizer", default="adamw")]


class _WarmUp(Section):
    warmup_steps: CountOrZero = 0
    """Steps of linear increase before the schedule begins."""

    warmup_factor: UnitInterval = 0.1
    """Factor on lr at the start of the warm-up."""


class ConstantSchedule(_WarmUp):
    """A constant learning rate."""

    type: Literal["constant"] = "constant"


class PolySchedule(_WarmUp):
    """(1 − t)^power, t from 0 to 1 (Chen et al., DeepLab, 2016)."""

    type: Literal["poly"] = "poly"
    power: PositiveNumber = 0.9
    """Exponent; 1 is linear."""

    min_factor: UnitInterval = 0.0
    """Factor on lr at the end."""


class CosineSchedule(_WarmUp):
    """Half a cosine (Loshchilov and Hutter, 2017)."""

    type: Literal["cosine"] = "cosine"
    min_factor: UnitInterval = 0.0
    """Factor on lr at the end."""


ScheduleConfig = Annotated[
    ConstantSchedule | PolySchedule | CosineSchedule, Choice("schedule", default="constant")
]


class GroupConfig(Section):
    """Parameters with their own settings; the last matching group applies."""

    match: str
    """Regular expression to search for in parameter names: '^streams.image'."""

    lr_factor: NonNegative = 1.0
    """Factor on the learning rate of the optimizer."""

    weight_decay: NonNegative | None = None
    """Weight decay of all matching parameters, also biases; null: as the optimizer says."""

    frozen: bool = False
    """Do not train these parameters."""

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
    """Smallest change that counts as an improvement."""


_TWO_LENGTHS: JsonDict = {"steps": {"type": "integer"}, "epochs": {"type": "integer"}}
_NO_LENGTH: JsonDict = {"steps": {"type": "null"}, "epochs": {"type": "null"}}
_NO_MONITOR: JsonDict = {"early_stop": {"type": "object"}, "monitor": {"type": "null"}}


class TrainingConfig(Section):
    """How to train a model. A step is one update of the weights."""

    model_config = ConfigDict(
        json_schema_extra={
            COMPLETE: [
                {"not": {"required": ["steps", "epochs"], "properties": _TWO_LENGTHS}},
                {"not": {"required": ["steps"], "properties": _NO_LENGTH}},
                {"not": {"required": ["early_stop", "monitor"], "properties": _NO_MONITOR}},
            ]
        }
    )

    epochs: Count | None = None
    """Passes over the training split."""

    steps: Count | None = Field(
        default_factory=lambda others: None if others.get("epochs") else 1000
    )
    """Total updates, instead of epochs; 1000 if neither is given."""

    batch_size: Count = 4
    """Images per forward pass."""

    accumulate: Count = 1
    """Forward passes per update."""

    sampling: Sampling = "shuffle"
    """shuffle: each image once per epoch; uniform: with replacement."""

    keep_cells: Probability = 1.0
    """Probability that a cell of the coarsest map keeps its labels; the loss ignores the rest."""

    workers: CountOrZero = 0
    """Data-loading worker processes; 0 loads in the main process."""

    precision: Precision = "auto"
    """auto: bf16 if the device supports it, else fp32."""

    optimizer: OptimizerConfig = AdamWConfig()
    """sgd or adamw, with its parameters."""

    groups: list[GroupConfig] = Field(default_factory=list)
    """Parameters with their own learning rate or decay."""

    schedule: ScheduleConfig = ConstantSchedule()
    """How the learning rate changes: constant, poly or cosine."""

    clip_norm: PositiveNumber | None = None
    """Maximum norm of the whole gradient."""

    ema: Momentum | None = None
    """Decay per step of the averaged weights, such as 0.999; null: no averaging."""

    eval_every: Count | None = None
    """Steps between evaluations; null: ten evaluations per run."""

    checkpoint_every: Count | None = None
    """Steps between checkpoints; null: eval_every."""

    log_every: Count = 20
    """Steps between log lines."""

    monitor: str | None = "val/mean_iou"
    """Metric that selects the best weights, such as 'val/iou/road' or 'val/loss'."""

    mode: Literal["max", "min"] | None = None
    """Which value is better; null: min for names that end in loss, else max."""

    pictures: CountOrZero = 4
    """Validation images to draw at each evaluation, beside curves and confusion; 0: no pictures."""

    early_stop: EarlyStopConfig | None = None
    """When to stop early; null: never."""

    on_bad_sample: OnBadSample = "stop"
    """What to do about an unreadable image."""

    @field_validator("early_stop")
    @classmethod
    def _has_monitor(
        cls, early_stop: EarlyStopConfig | None, info: ValidationInfo
    ) -> EarlyStopConfig | None:
        if early_stop is not None and info.data.get("monitor", "") is None:
            raise fault(
                "early_stop needs 'monitor', which is null: set it, for example to val/mean_iou, "
                "or remove early_stop",
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
    """How to evaluate a model."""

    batch_size: Count = 1
    """Images per forward pass."""

    workers: CountOrZero = 0
    """Data-loading worker processes; 0 loads in the main process."""

    background: list[str] = Field(default_factory=list)
    """Classes that mean_iou_foreground leaves out; without any, there is no such score."""

    metrics: list[Factory[Metric]] = Field(default_factory=list)
    """Metrics to report for each head, in addition to the scores of the confusion matrix."""

    details: bool = True
    """Keep what reports show besides scores: reliability, objects by size, some predictions."""
