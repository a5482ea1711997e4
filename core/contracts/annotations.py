"""Read keys, lengths and nullability from type annotations."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation itself if it is not a union."""
    origin = typing.get_origin(annotation)
    if hasattr(annotation, "__value__"):  # type Alias = …
        yield from alternatives(annotation.__value__)
    elif hasattr(annotation, "__supertype__"):  # NewType
        yield from alternatives(annotation.__supertype__)
    elif origin is Annotated:
        yield from alternatives(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def accepts_none(annotation: Any) -> bool:
    """Return whether an annotation accepts null."""
    return any(
        one in (None, type(None), Any, object)
        or (typing.get_origin(one) is Literal and None in typing.get_args(one))
        for one in alternatives(annotation)
    )


def takes_text(annotation: Any, value: Any) -> bool:
    """Return whether an annotation accepts text, but not a value of the type of ``value``."""
    members = [*alternatives(annotation)]
    literals = [each for one in members for each in _literals(one)]
    number = type(value) is int and float in members
    if value in literals or type(value) in members or number or Any in members:
        return False
    return any(one in (str, Path) for one in members) or str(value) in literals


def _literals(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()


def key_of(name: str, field: FieldInfo) -> str:
    """Return the key that a field of a model has in YAML."""
    alias = field.validation_alias or field.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return next((one for one in choices if isinstance(one, str)), name)


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
            names = (
                parameters_of(one) if isinstance(one, type) and is_dataclass(one) else list(hints)
            )
            return {name: _unwrapped(hints.get(name, Any)) for name in names}
    return None


def parameters_of(dataclass: type) -> list[str]:
    """Return what the constructor of a dataclass takes, including values that it does not keep."""
    return list(inspect.signature(dataclass).parameters)


def _unwrapped(annotation: Any) -> Any:
    """Return the type within ``InitVar``."""
    return annotation.type if isinstance(annotation, InitVar) else annotation


def tuple_length(annotation: Any) -> int | None:
    """Return the length of a tuple type, or None if the length is not fixed."""
    for one in alternatives(annotation):
        arguments = typing.get_args(one)
        if typing.get_origin(one) is tuple and Ellipsis not in arguments:
            return len(arguments)
    return None


def annotation_at(annotation: Any, path: Sequence[str | int]) -> Any:
    """Return the annotation at the end of a path, or ``Any`` if it is unknown."""
    for segment in path:
        annotation = _step(annotation, segment)
    return annotation


def _step(annotation: Any, segment: str | int) -> Any:
    known = keys_of(annotation)
    if known is not None:
        return known.get(str(segment), Any)
    for one in alternatives(annotation):
        if isinstance(segment, int) and hasattr(one, "_fields"):  # a named tuple
            return dict(enumerate(typing.get_type_hints(one).values())).get(segment, Any)
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping) and isinstance(segment, str):
            return arguments[-1]
        if issubclass(origin, tuple) and isinstance(segment, int) and Ellipsis not in arguments:
            return arguments[segment] if segment < len(arguments) else Any
        if issubclass(origin, Iterable) and isinstance(segment, int):
            return arguments[0]
    return Any
