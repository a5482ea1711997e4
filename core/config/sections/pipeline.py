"""The whole configuration, in its long form: streams feed heads."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict
from torch import nn

from ....registry import suggest
from ...contracts.kinds import Backbone, Dataset, Decoder, Loss
from ...contracts.labels import RawId
from ..messages.faults import Fault, Target, fault, faults
from ..tree.files import expand_home
from ..tree.nodes import Segment
from ..tree.problems import suggestion
from .device import Device
from .factory import Factory
from .labels import LabelsConfig
from .section import NonNegative, Section
from .training import EvaluationConfig, TrainingConfig


def _version_text(given: object) -> object:
    return str(given) if isinstance(given, int | float) else given


Version = Annotated[str, BeforeValidator(_version_text, json_schema_input_type=str | float)]
"""A version; YAML takes 1.2 for a number."""

Name = Annotated[str, Field(min_length=1)]

_MODULE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset(dir(nn.ModuleDict()))
"""Attributes of torch's own modules, which no stream and no head can be called."""

_ROLES = ("train", "val")
"""The splits that a training uses; others can be named, to evaluate on."""

_IMAGE = "image"
"""The input that holds colors, where there are several."""

_NAMED: JsonDict = {"propertyNames": {"pattern": f"^{_MODULE_NAME.pattern}$"}}


class StreamConfig(Section):
    """One or more inputs of the dataset, through one backbone."""

    input: Name | Annotated[list[Name], Field(min_length=1)] = ""
    """Inputs, stacked on channels; by default the one of the stream's name."""

    backbone: Factory[Backbone]
    """Turns the inputs into feature maps."""


class ZeroShotConfig(Section):
    """Classes that training never sees (Xian et al. 2019, generalized zero-shot segmentation)."""

    unseen: list[Name] = Field(default_factory=list)
    """Classes whose pixels training ignores; evaluation counts them, and apart from the others."""

    added: dict[RawId, Name] = Field(default_factory=dict)
    """Raw id -> name of classes that the dataset has no label for; they count as unseen."""

    calibration: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Subtracted from the scores of seen classes, but in training (Chao et al. 2016)."""

    @model_validator(mode="after")
    def _names_some(self) -> ZeroShotConfig:
        if not self.unseen and not self.added:
            raise fault("zero_shot names no class: give 'unseen' or 'added'", at="key")
        return self


class HeadConfig(Section):
    """A label map, and what is needed to predict it."""

    target: Name | None = None
    """The dataset's label map; null: the one of the head's name, or the only one."""

    labels: LabelsConfig = LabelsConfig()
    """Changes to the dataset's raw ids, classes and colors."""

    decoder: Factory[Decoder]
    """Turns feature maps into scores."""

    loss: Factory[Loss]
    """What training minimizes."""

    zero_shot: ZeroShotConfig | None = None
    """Classes that are evaluated and predicted without a label of them in training."""

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

    streams: Annotated[dict[str, StreamConfig], Field(min_length=1, json_schema_extra=_NAMED)]
    """Each turns inputs into feature maps; the short form has one, 'image'."""

    heads: Annotated[dict[str, HeadConfig], Field(min_length=1, json_schema_extra=_NAMED)]
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

    device: Device = "auto"
    """auto, cpu, cuda, cuda:1, mps, xpu."""

    deterministic: bool = False
    """Refuse operations whose result varies."""

    training: TrainingConfig = TrainingConfig()
    """How it is trained."""

    evaluation: EvaluationConfig = EvaluationConfig()
    """How it is evaluated."""

    @field_validator("streams", "heads")
    @classmethod
    def _names_can_be_modules(cls, sections: dict[str, Any]) -> dict[str, Any]:
        _raise_if_any(
            ((name,), message, "key") for name in sections if (message := _name_problem(name))
        )
        return sections

    @field_validator("streams")
    @classmethod
    def _colors_come_first(cls, streams: dict[str, StreamConfig]) -> dict[str, StreamConfig]:
        _raise_if_any(
            (
                (name, "input", stream.input.index(_IMAGE)),
                f"'{_IMAGE}' comes first where inputs are stacked: the first three channels are "
                "normalized as red, green and blue",
                "value",
            )
            for name, stream in streams.items()
            if isinstance(stream.input, list) and _IMAGE in stream.input[1:]
        )
        return streams

    @field_validator("streams")
    @classmethod
    def _name_inputs(cls, streams: dict[str, StreamConfig]) -> dict[str, StreamConfig]:
        return {
            name: stream if stream.input else stream.model_copy(update={"input": name})
            for name, stream in streams.items()
        }

    @field_validator("splits")
    @classmethod
    def _roles_are_spelt_right(cls, splits: dict[str, str]) -> dict[str, str]:
        slips = ((role, _intended_role(role, splits)) for role in splits if role not in _ROLES)
        _raise_if_any(
            ((role,), f"unknown role '{role}' in splits. Did you mean '{near}'?", "key")
            for role, near in slips
            if near
        )
        return splits

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
            ((head, "streams", index), f"unknown stream '{name}'{suggestion(name, known)}")
            for head, section in heads.items()
            for index, name in enumerate(section.streams or ())
            if known and name not in known
        ]
        _raise_if_any((path, message, "value") for path, message in found)
        return heads

    @field_validator("augment")
    @classmethod
    def _only_training_is_augmented(
        cls, augment: dict[str, list[Any]], info: ValidationInfo
    ) -> dict[str, list[Any]]:
        if "augment" in (info.context or {}).get("unread", ()):
            return augment
        found: list[Fault] = [
            ((split,), f"augment: only 'train' is augmented, not '{split}'{_reason(split)}", "key")
            for split in augment
            if split != "train"
        ]
        for split, transforms in augment.items():
            for path, message in _transform_problems(transforms):
                found.append(((split, *path), message, _pointer(path, message)))
        _raise_if_any(found)
        return augment


def _name_problem(name: str) -> str | None:
    if not _MODULE_NAME.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).lstrip("_0123456789").rstrip("_")
        hint = f". Did you mean '{near}'?" if near and near not in _RESERVED else ""
        return f"'{name}' is no name: it takes small letters, digits and '_', a letter first{hint}"
    if name in _RESERVED:
        return f"'{name}' is a word of torch's own: call it otherwise, such as '{name}_1'"
    return None


def _intended_role(role: str, splits: Container[str]) -> str | None:
    """Return the role that a name in ``splits`` is a slip of: one that lacks, or a typing error.

    Beside ``val``, ``val2`` and ``trainval`` are splits of their own, and ``vall`` is a slip.
    """
    for absent in (one for one in _ROLES if one not in splits):
        if role.startswith(absent) or suggest(role, [absent]):
            return absent
    close = get_close_matches(role, _ROLES, n=1, cutoff=0.8) if role.isalpha() else []
    return next(iter(close), None)


def _reason(split: str) -> str:
    return suggestion(split, ["train"]) or ": evaluation is at the images' own size"


def _raise_if_any(found: Iterable[Fault]) -> None:
    if several := list(found):
        raise faults(several)


def _transform_problems(transforms: list[Any]) -> list[tuple[tuple[Segment, ...], str]]:
    if not transforms:
        return []
    # Albumentations takes seconds to import, which only those who augment should wait for.
    from ...data.augmentation import check_transforms  # noqa: PLC0415

    return check_transforms(transforms)


def _pointer(place: tuple[Segment, ...], message: str) -> Target:
    """Point at the name where it is the name that is wrong."""
    return "key" if place and f"'{place[-1]}'" in message else "value"
