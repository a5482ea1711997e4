"""What a network is made of: streams feed heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.config import JsonDict

from ...contracts.kinds import Backbone, Decoder, Loss
from ...contracts.labels import RawId, UniqueIds
from ...contracts.normalization import Normalization
from ...contracts.options import Fusion
from ..messages.faults import Fault, fault
from ..tree.problems import suggestion
from .factory import Factory
from .labels import LabelsConfig
from .section import COMPLETE, NonNegative, Section

Name = Annotated[str, Field(min_length=1)]

IMAGE = "image"
"""The name of the color input among several inputs."""

_STACKED: JsonDict = {
    "prefixItems": [{"type": "string", "minLength": 1}],
    "items": {"type": "string", "minLength": 1, "not": {"const": IMAGE}},
}


_EachNormalization = Annotated[dict[Name, Normalization], Field(min_length=1)]


def _form_of_normalization(value: Any) -> str:
    """Return which form a normalization has: ``one`` of the only input, or ``each`` by name."""
    keys = value.keys() if isinstance(value, Mapping) else ()
    is_one = isinstance(value, Normalization) or Normalization.model_fields.keys() & keys
    return "one" if is_one else "each"


class StreamConfig(Section):
    """One or more inputs of the dataset that feed one backbone."""

    input: Name | Annotated[list[Name], Field(min_length=1, json_schema_extra=_STACKED)] = ""
    """Inputs, stacked by channel; default: the input with the name of the stream."""

    backbone: Factory[Backbone]
    """Turns the inputs into feature maps."""

    normalization: (
        Annotated[
            Annotated[Normalization, Tag("one")] | Annotated[_EachNormalization, Tag("each")],
            Discriminator(_form_of_normalization),
        ]
        | None
    ) = None
    """Statistics of the input, or input -> its statistics; null: the usual ones."""

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return [self.input] if isinstance(self.input, str) else self.input

    def normalization_problems(self) -> Iterator[Fault]:
        """Yield the problems of ``normalization``, of a stream whose inputs are known."""
        given, inputs = self.normalization, self.inputs
        if isinstance(given, Normalization):
            if len(inputs) > 1:
                each = ", ".join(f"{name}: {{…}}" for name in inputs)
                yield (), f"several inputs: give their statistics by name, {{{each}}}", "value"
            return
        for name in given or ():
            if name not in inputs:
                text = f"the stream has no input '{name}'; it reads {', '.join(inputs)}"
                yield (name,), text + suggestion(name, inputs), "key"

    def normalization_of(self, name: str) -> Normalization | None:
        """Return the statistics that the configuration states for an input."""
        given = self.normalization
        return given.get(name) if isinstance(given, Mapping) else given


_SOME: JsonDict = {"not": {"enum": [[], {}, None]}}


class ZeroShotConfig(Section):
    """Classes that training never sees (Xian et al. 2019, generalized zero-shot segmentation)."""

    model_config = ConfigDict(
        json_schema_extra={
            COMPLETE: [
                {
                    "anyOf": [
                        {"required": ["unseen"], "properties": {"unseen": _SOME}},
                        {"required": ["added"], "properties": {"added": _SOME}},
                    ]
                }
            ]
        }
    )

    unseen: list[Name] = Field(default_factory=list)
    """Classes whose pixels training ignores; evaluation also reports them separately."""

    added: Annotated[dict[RawId, Name], UniqueIds] = Field(default_factory=dict)
    """Raw id -> name of unseen classes that the dataset does not label."""

    calibration: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Subtracted from scores of seen classes, except in training (Chao et al. 2016)."""

    @model_validator(mode="after")
    def _names_a_class(self) -> ZeroShotConfig:
        if not self.unseen and not self.added:
            raise fault("zero_shot lists no class: give 'unseen' or 'added'", at="key")
        return self


class HeadConfig(Section):
    """A label map, and the decoder and loss that predict it."""

    target: Name | None = None
    """Label map of the dataset; null: the one with the name of the head, or the only one."""

    labels: LabelsConfig = LabelsConfig()
    """Changes to the dataset's raw ids, classes and colors."""

    decoder: Factory[Decoder]
    """Turns feature maps into scores."""

    loss: Factory[Loss]
    """What training minimizes."""

    zero_shot: ZeroShotConfig | None = None
    """Classes to predict and evaluate without labels in training."""

    weight: NonNegative = 1.0
    """Weight of the loss of this head in the total loss."""

    streams: Annotated[list[Name], Field(min_length=1)] | None = None
    """Streams whose scores are fused; null: all."""

    fusion: Fusion = "mean"
    """How to fuse the scores of streams."""
