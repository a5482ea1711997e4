"""Read keys, lengths and nullability from type annotations."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..tree.nodes import Segment


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation itself if it is not a union."""
    origin = typing.get_origin(annotation)
    if hasattr(annotation, "__value__"):  # type Alias = …
        yield from alternatives(annotation.__value__)
    elif origin is Annotated:
        yield from alternatives(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def accepts_none(annotation: Any) -> bool:
    """Return whether an annotation accepts null."""
    return any(one in (None, type(None), Any, object) for one in alternatives(annotation))


def key_of(name: str, field: FieldInfo) -> str:
    """Return the key that a field of a model has in YAML."""
    return field.alias or name


def keys_of(annotation: Any) -> dict[str, Any] | None:
    """Return key -> annotation of a model, dataclass or typed dictionary, else None."""
    for one in alternatives(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return {key_of(name, f): f.rebuild_annotation() for name, f in one.model_fields.items()}
        if is_dataclass(one) or typing.is_typeddict(one):
            try:
                hints = typing.get_type_hints(one)
            except NameError:  # a name imported only for type checkers
                hints = {}
            names = [field.name for field in fields(one)] if is_dataclass(one) else list(hints)
            return {name: hints.get(name, Any) for name in names}
    return None


def tuple_length(annotation: Any) -> int | None:
    """Return the length of a tuple type, or None if the length is not fixed."""
    for one in alternatives(annotation):
        arguments = typing.get_args(one)
        if typing.get_origin(one) is tuple and Ellipsis not in arguments:
            return len(arguments)
    return None


def annotation_at(annotation: Any, path: Sequence[Segment]) -> Any:
    """Return the annotation at the end of a path, or ``Any`` if it is unknown."""
    for segment in path:
        annotation = _step(annotation, segment)
    return annotation


def prune_nulls(value: Any, annotation: Any) -> Any:
    """Drop null keys whose annotation does not accept null, so that defaults apply."""
    if isinstance(value, Mapping):
        steps = {key: _step(annotation, key) for key in value}
        return {
            key: prune_nulls(inner, steps[key])
            for key, inner in value.items()
            if inner is not None or accepts_none(steps[key])
        }
    if isinstance(value, list):
        return [prune_nulls(inner, _step(annotation, i)) for i, inner in enumerate(value)]
    return value


def _step(annotation: Any, segment: Segment) -> Any:
    known = keys_of(annotation)
    if known is not None:
        return known.get(str(segment), Any)
    for one in alternatives(annotation):
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping) and isinstance(segment, str):
            return arguments[-1]
        if issubclass(origin, Sequence) and isinstance(segment, int):
            return arguments[0]
    return Any
