"""The whole configuration, in its long form: streams feed heads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ..contracts import Backbone, Dataset, Decoder, Loss
from ..labels import LabelsConfig
from ._factory import Factory
from ._faults import Finding, Place, faults
from ._files import expand_home
from ._nodes import Segment
from ._problems import meant
from ._section import NonNegative, Section
from ._training import EvaluationConfig, TrainingConfig


def _version_text(given: object) -> object:
    return str(given) if isinstance(given, int | float) else given


Version = Annotated[str, BeforeValidator(_version_text, json_schema_input_type=str | float)]
"""A version; YAML takes 1.2 for a number."""

Name = Annotated[str, Field(min_length=1)]


class StreamConfig(Section):
    """One or more inputs of the dataset, through one backbone."""

    input: Name | Annotated[list[Name], Field(min_length=1)] = ""
    """Inputs, stacked on channels; by default the one of the stream's name."""

    backbone: Factory[Backbone]
    """Turns the inputs into feature maps."""


class HeadConfig(Section):
    """A label map, and what is needed to predict it."""

    target: Name | None = None
    """The dataset's label map; null: the one of the head's name, or the only one."""

    labels: LabelsConfig = LabelsConfig()
    """Changes to the dataset's raw ids, classes and colours."""

    decoder: Factory[Decoder]
    """Turns feature maps into scores."""

    loss: Factory[Loss]
    """What training minimises."""

    weight: NonNegative = 1.0
    """Of this head's loss in the sum of all."""

    streams: Annotated[list[Name], Field(min_length=1)] | None = None
    """Those whose scores are fused; null: all."""

    fusion: Literal["mean", "sum"] = "mean"
    """How scores of streams are fused."""


class Provenance(Section):
    """Which versions wrote a configuration; written into every run."""

    version: Version | None = None
    """Of Pluxel."""

    providers: dict[str, Version | None] = Field(default_factory=dict)
    """Version of each distribution that provides a component."""


class PipelineConfig(Section):
    """Streams, heads, data and training. A run keeps it with every default filled in."""

    pluxel: Provenance | None = None
    """Which versions wrote this file."""

    streams: Annotated[dict[Name, StreamConfig], Field(min_length=1)]
    """Each turns inputs into feature maps; the short form has one, 'image'."""

    heads: Annotated[dict[Name, HeadConfig], Field(min_length=1)]
    """Each predicts a label map; the short form has one, 'semantic'."""

    dataset: Factory[Dataset]
    """Where images and labels come from."""

    splits: dict[str, Name] = Field(default={"train": "train", "val": "val"})
    """What the dataset calls each split."""

    augment: dict[str, list[Any]] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"enum": ["train"]}}
    )
    """For 'train', transforms of albumentations: 'Name' or {Name: {argument: value}}."""

    init_from: Path | None = None
    """A run or weights to start from."""

    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """Of all randomness."""

    device: Name = "auto"
    """auto, cpu, cuda, cuda:1, mps."""

    deterministic: bool = False
    """Refuse operations whose result varies."""

    training: TrainingConfig = TrainingConfig()
    """How it is trained."""

    evaluation: EvaluationConfig = EvaluationConfig()
    """How it is evaluated."""

    @field_validator("streams")
    @classmethod
    def _name_inputs(cls, streams: dict[str, StreamConfig]) -> dict[str, StreamConfig]:
        return {
            name: stream if stream.input else stream.model_copy(update={"input": name})
            for name, stream in streams.items()
        }

    @field_validator("init_from")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return expand_home(path) if path else None

    @field_validator("heads")
    @classmethod
    def _streams_exist(
        cls, heads: dict[str, HeadConfig], info: ValidationInfo
    ) -> dict[str, HeadConfig]:
        known = info.data.get("streams")
        found = [
            ((head, "streams", index), f"unknown stream '{name}'{meant(name, known)}")
            for head, section in heads.items()
            for index, name in enumerate(section.streams or ())
            if known and name not in known
        ]
        _raise_if_any((path, message, "value") for path, message in found)
        return heads

    @field_validator("augment")
    @classmethod
    def _only_training_is_augmented(cls, augment: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found: list[Finding] = [
            ((split,), f"augment: only 'train' is augmented, not '{split}'{_reason(split)}", "key")
            for split in augment
            if split != "train"
        ]
        for split, transforms in augment.items():
            for path, message in _transform_problems(transforms):
                found.append(((split, *path), message, _pointer(path, message)))
        _raise_if_any(found)
        return augment


def _reason(split: str) -> str:
    return meant(split, ["train"]) or ": evaluation is at the images' own size"


def _raise_if_any(found: Iterable[Finding]) -> None:
    if several := list(found):
        raise faults(several)


def _transform_problems(transforms: list[Any]) -> list[tuple[tuple[Segment, ...], str]]:
    if not transforms:
        return []
    # Albumentations takes seconds to import, which only those who augment should wait for.
    from ..data.augmentation import check_transforms  # noqa: PLC0415

    return check_transforms(transforms)


def _pointer(place: tuple[Segment, ...], message: str) -> Place:
    """Point at the name where it is the name that is wrong."""
    return "key" if place and f"'{place[-1]}'" in message else "value"
