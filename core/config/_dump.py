"""Convert a valid configuration to plain values, with defaults and qualified names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from .messages.annotations import key_of
from .sections.factory import Factory
from .sections.pipeline import HeadConfig, PipelineConfig, StreamConfig
from .tree.paths import SHORT


def to_plain(value: Any, *, absolute: bool) -> Any:
    """Return a value as plain YAML types; ``absolute`` makes paths absolute."""
    plain = partial(to_plain, absolute=absolute)
    match value:
        case None | bool() | int() | float() | str() | Enum():
            return value.value if isinstance(value, Enum) else value
        case Path():
            return str(value.absolute() if absolute else value)
        case list() | tuple():
            return [plain(inner) for inner in value]
        case set() | frozenset():
            return sorted(plain(inner) for inner in value)
    if (parts := _parts(value)) is not None:
        return {key: plain(inner) for key, inner in parts.items()}
    return to_jsonable_python(value)


def factories(value: Any) -> Iterator[Factory[Any]]:
    """Yield every component in a value, outer components first."""
    if isinstance(value, Factory):
        yield value
    is_list = isinstance(value, list | tuple | set | frozenset)
    for inner in value if is_list else (_parts(value) or {}).values():
        yield from factories(inner)


def _parts(value: Any) -> Mapping[Any, Any] | None:
    """Return the parts of a mapping, section or component by key; None for other values."""
    match value:
        case Mapping():
            return value
        case Factory():
            return {"type": value.component.qualified, **value.params}
        case BaseModel():
            fields = type(value).model_fields.items()
            parts = {key_of(name, field): getattr(value, name) for name, field in fields}
            return {key: parts[key] for key in sorted(parts, key=lambda key: key != "type")}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def pipeline_tree(pipeline: PipelineConfig, *, absolute: bool) -> dict[str, Any]:
    """Return a pipeline as plain values, in the short form if that loses nothing."""
    plain = to_plain(pipeline, absolute=absolute)
    del plain["pluxel"]
    if not _fits_short(pipeline):
        return plain
    short = {key: plain[section][name][part] for key, (section, name, part) in SHORT.items()}
    del plain["streams"], plain["heads"]
    return short | plain


def _fits_short(pipeline: PipelineConfig) -> bool:
    """Return whether the short form can represent the pipeline."""
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
