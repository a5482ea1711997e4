"""A valid configuration as plain values: defaults filled in, components by qualified names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ._annotations import key_of
from ._factory import Factory
from ._paths import SHORT
from ._pipeline import HeadConfig, PipelineConfig, StreamConfig


def to_plain(value: Any, *, absolute: bool) -> Any:
    """Return a value as YAML has it; ``absolute`` makes paths independent of the working folder."""
    if isinstance(value, Factory | BaseModel) or dataclasses.is_dataclass(value):
        return {key: to_plain(inner, absolute=absolute) for key, inner in _fields(value).items()}
    if isinstance(value, Mapping):
        return {key: to_plain(inner, absolute=absolute) for key, inner in value.items()}
    if isinstance(value, Path):
        return str(value.absolute() if absolute else value)
    if isinstance(value, Enum):
        return to_plain(value.value, absolute=absolute)
    if isinstance(value, set | frozenset):
        return sorted(to_plain(inner, absolute=absolute) for inner in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_plain(inner, absolute=absolute) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return to_jsonable_python(value)


def factories(value: Any) -> Iterator[Factory[Any]]:
    """Yield every component in a value, outer ones first."""
    if isinstance(value, Factory):
        yield value
    if isinstance(value, Factory | BaseModel) or dataclasses.is_dataclass(value):
        inner = list(_fields(value).values())
    elif isinstance(value, Mapping):
        inner = list(value.values())
    else:
        inner = list(value) if isinstance(value, list | tuple | set | frozenset) else []
    for one in inner:
        yield from factories(one)


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Factory):
        return {"type": value.component.qualified, **value.params}
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        return {key_of(name, field): getattr(value, name) for name, field in fields}
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def pipeline_tree(pipeline: PipelineConfig, *, absolute: bool) -> dict[str, Any]:
    """Return a pipeline as plain values, in the short form where that says it all."""
    plain = to_plain(pipeline, absolute=absolute)
    del plain["pluxel"]
    short = {key: _at(plain, path) for key, path in SHORT.items()} if _fits_short(pipeline) else {}
    for section in {path[0] for path in SHORT.values()} if short else ():
        del plain[section]
    return short | plain


def _at(plain: Mapping[str, Any], path: Sequence[str]) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _fits_short(pipeline: PipelineConfig) -> bool:
    """Tell whether the short form would lose nothing."""
    streams, heads = pipeline.streams, pipeline.heads
    if [*streams] != ["image"] or [*heads] != ["semantic"]:
        return False
    return _is_default(streams["image"], input="image") and _is_default(heads["semantic"])


def _is_default(section: StreamConfig | HeadConfig, **implied: Any) -> bool:
    short = {path[-1] for path in SHORT.values()}
    return all(
        getattr(section, name) == implied.get(name, field.default)
        for name, field in type(section).model_fields.items()
        if name not in short
    )
