"""The whole configuration in the long form."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic.config import JsonDict
from torch import nn

from ....registry import suggest
from ...contracts.kinds import Dataset
from ...contracts.options import unquoted
from ..messages.faults import Fault, Target, fault, faults
from ..tree.nodes import Segment
from ..tree.problems import suggestion
from .device import Device
from .factory import Factory
from .network import IMAGE, HeadConfig, Name, StreamConfig
from .phases import PhasedTrainingConfig
from .section import Section
from .training import EvaluationConfig

Version = Annotated[str, unquoted()]
"""A version."""

_MODULE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset(dir(nn.ModuleDict()))
"""Attributes of torch modules, which cannot be names of streams or heads."""

_ROLES = ("train", "val")
"""The splits that training uses; further splits serve evaluation."""

_NAMED: JsonDict = {
    "propertyNames": {"pattern": f"^{_MODULE_NAME.pattern}$", "not": {"enum": [*sorted(_RESERVED)]}}
}


class Provenance(Section):
    """The versions that wrote a configuration, recorded in every run."""

    version: Version | None = None
    """Version of Pluxel."""

    providers: dict[str, Version | None] = Field(default_factory=dict)
    """Version of each distribution that provides a component."""

    defaults: list[str] = Field(default_factory=list)
    """Parameters of components that nobody set; a later version may lack them."""


class PipelineConfig(Section):
    """Streams, heads, data and training. A run saves it with all defaults."""

    pluxel: Provenance | None = Field(default=None, json_schema_extra={"doNotSuggest": True})
    """Versions that wrote this file."""

    streams: Annotated[dict[str, StreamConfig], Field(min_length=1, json_schema_extra=_NAMED)]
    """Each turns inputs into feature maps; the short form has one, 'image'."""

    heads: Annotated[dict[str, HeadConfig], Field(min_length=1, json_schema_extra=_NAMED)]
    """Each predicts a label map; the short form has one, 'semantic'."""

    dataset: Factory[Dataset]
    """Source of images and labels."""

    splits: dict[str, Name] = Field(default={"train": "train", "val": "val"})
    """Role -> name of the split in the dataset."""

    augment: dict[str, list[Any]] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"enum": ["train"]}}
    )
    """Albumentations transforms for 'train': 'Name' or {Name: {argument: value}}."""

    init_from: Path | Annotated[dict[Name, Path], Field(min_length=1)] | None = None
    """Run or weights to start from; or stream -> run or weights that start this stream."""

    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """Seed of all random numbers."""

    device: Device = "auto"
    """auto, cpu, cuda, cuda:1, mps, xpu."""

    deterministic: bool = False
    """Reject nondeterministic operations."""

    training: PhasedTrainingConfig = Field(default=PhasedTrainingConfig(), validate_default=True)
    """How to train."""

    evaluation: EvaluationConfig = EvaluationConfig()
    """How to evaluate."""

    @field_validator("streams", "heads")
    @classmethod
    def _names_can_be_modules(cls, sections: dict[str, Any]) -> dict[str, Any]:
        _raise_if_any(
            ((name,), message, "key") for name in sections if (message := _name_problem(name))
        )
        return sections

    @field_validator("streams")
    @classmethod
    def _complete_inputs(cls, streams: dict[str, StreamConfig]) -> dict[str, StreamConfig]:
        _raise_if_any(
            (
                (name, "input", stream.input.index(IMAGE)),
                f"'{IMAGE}' must be the first of stacked inputs: the first three channels are "
                "those of colors, for pretrained filters",
                "value",
            )
            for name, stream in streams.items()
            if isinstance(stream.input, list) and IMAGE in stream.input[1:]
        )
        complete = {
            name: stream if stream.input else stream.model_copy(update={"input": name})
            for name, stream in streams.items()
        }
        _raise_if_any(
            ((name, "normalization", *path), message, at)
            for name, stream in complete.items()
            for path, message, at in stream.normalization_problems()
        )
        return complete

    @field_validator("splits")
    @classmethod
    def _roles_are_spelled_right(cls, splits: dict[str, str]) -> dict[str, str]:
        slips = ((role, _intended_role(role, splits)) for role in splits if role not in _ROLES)
        _raise_if_any(
            ((role,), f"unknown role '{role}' in splits. Did you mean '{near}'?", "key")
            for role, near in slips
            if near
        )
        return splits

    @field_validator("heads")
    @classmethod
    def _streams_exist(
        cls, heads: dict[str, HeadConfig], info: ValidationInfo
    ) -> dict[str, HeadConfig]:
        known = info.data.get("streams")
        _raise_if_any(
            ((head, "streams", index), f"unknown stream '{name}'{suggestion(name, known)}", "value")
            for head, section in heads.items()
            for index, name in enumerate(section.streams or ())
            if known and name not in known
        )
        return heads

    @field_validator("training")
    @classmethod
    def _monitors_the_first_head(
        cls, training: PhasedTrainingConfig, info: ValidationInfo
    ) -> PhasedTrainingConfig:
        """Choose a metric of the first head by default: several heads have no common one."""
        heads = [*(info.data.get("heads") or ())]
        if len(heads) < 2 or "monitor" in training.model_fields_set:
            return training
        return training.model_copy(update={"monitor": f"val/{heads[0]}/mean_iou"})

    @field_validator("init_from")
    @classmethod
    def _starts_streams(cls, source: Any, info: ValidationInfo) -> Any:
        known = info.data.get("streams")
        _raise_if_any(
            ((name,), f"unknown stream '{name}'{suggestion(name, known)}", "key")
            for name in (source if isinstance(source, Mapping) else ())
            if known and name not in known
        )
        return source

    @field_validator("augment", mode="before")
    @classmethod
    def _augment_names_splits(cls, augment: Any) -> Any:
        if isinstance(augment, list) or (isinstance(augment, Mapping) and "type" in augment):
            from ...data._transforms import in_yaml  # noqa: PLC0415 - only this error needs it

            lines = augment if isinstance(augment, list) else [augment]
            rewritten = f"{{train: [{', '.join(map(in_yaml, lines))}]}}"
            raise fault(f"augment: name the split: write {rewritten}", at="value")
        return augment

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
        rule = "use lowercase letters, digits and '_', starting with a letter"
        return f"'{name}' is not a valid name: {rule}{hint}"
    if name in _RESERVED:
        return f"'{name}' is reserved by torch: choose another name, such as '{name}_1'"
    return None


def _intended_role(role: str, splits: Container[str]) -> str | None:
    """Return the role that a name in ``splits`` misspells, or None.

    Next to ``val``, ``val2`` and ``trainval`` are further splits, but ``vall`` is a misspelling.
    """
    for absent in (one for one in _ROLES if one not in splits):
        if role.startswith(absent) or suggest(role, [absent]):
            return absent
    close = get_close_matches(role, _ROLES, n=1, cutoff=0.8) if role.isalpha() else []
    return next(iter(close), None)


def _reason(split: str) -> str:
    return suggestion(split, ["train"]) or ": evaluation uses the original image size"


def _raise_if_any(found: Iterable[Fault]) -> None:
    if items := list(found):
        raise faults(items)


def _transform_problems(transforms: list[Any]) -> list[tuple[tuple[Segment, ...], str]]:
    if not transforms:
        return []
    # Albumentations takes seconds to import; do so only for augmentation.
    from ...data.augmentation import check_transforms  # noqa: PLC0415

    return check_transforms(transforms)


def _pointer(place: tuple[Segment, ...], message: str) -> Target:
    """Return "key" if the message is about the last key of ``place``, else "value"."""
    return "key" if place and f"'{place[-1]}'" in message else "value"
