"""The phases of a training: what each may set."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, NonNegativeInt, field_validator

from ...contracts.kinds import Decoder, Loss, Tracker
from ..messages.faults import Fault, faults
from ..tree.phases import PHASE_NAME
from .factory import Factory
from .section import NonNegative, Section
from .training import TrainingConfig


def _inherit(schema: dict[str, Any]) -> None:
    """Drop the defaults: what a phase does not set is as outside of `phases`."""
    for value in schema["properties"].values():
        value.pop("default", None)


class PhaseHeadConfig(Section):
    """What a phase sets of a head."""

    model_config = ConfigDict(json_schema_extra=_inherit)

    decoder: Factory[Decoder] | None = None
    """Turns feature maps into scores."""

    loss: Factory[Loss] | None = None
    """What this phase minimizes."""

    weight: NonNegative = 1.0
    """Weight of the loss of this head in the total loss."""


class PhaseConfig(TrainingConfig):
    """A part of a training with settings of its own; the rest is as outside of `phases`.

    It starts from the weights that the phase before kept. This class describes what a file may
    contain. Loading merges each phase with the rest of the file and validates the whole.
    """

    model_config = ConfigDict(json_schema_extra=_inherit)

    name: Annotated[str, Field(pattern=PHASE_NAME)] | NonNegativeInt = ""
    """Name in logs and files, such as 16s; default: the number of the phase."""

    decoder: Factory[Decoder] | None = None
    """Decoder of the only head."""

    loss: Factory[Loss] | None = None
    """Loss of the only head."""

    heads: dict[str, PhaseHeadConfig] = Field(default_factory=dict)
    """Decoder, loss and weight by head."""

    augment: dict[str, list[Any]] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"enum": ["train"]}}
    )
    """Albumentations transforms for 'train': 'Name' or {Name: {argument: value}}."""


class PhasedTrainingConfig(TrainingConfig):
    """How to train a model, in one or several phases. A step is one update of the weights."""

    model_config = ConfigDict(title="Training")

    phases: list[PhaseConfig] = Field(default_factory=list)
    """Phases, one after the other; a valid configuration of one phase has none."""

    trackers: list[Factory[Tracker]] = Field(default_factory=list)
    """What receives losses, scores and pictures while the model trains, such as csv."""

    @field_validator("trackers")
    @classmethod
    def _differ(cls, trackers: list[Factory[Tracker]]) -> list[Factory[Tracker]]:
        found: list[Fault] = [
            ((index,), f"{one} is listed twice with the same parameters", "value")
            for index, one in enumerate(trackers)
            if one in trackers[:index]
        ]
        if found:
            raise faults(found)
        return trackers
