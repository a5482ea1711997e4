"""Convert values of sections and parameters to plain YAML types."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ....registry import Component
from ...contracts.annotations import key_of, parameters_of


class Recorded:
    """A component with its validated parameters, ``params``.

    ``written``: those that are given, in the form of the YAML, from which a run records them.
    """

    component: Component
    params: Mapping[str, Any]
    written: Mapping[str, Any]


def to_plain(value: Any, *, absolute: bool) -> Any:
    """Return a value as plain YAML types; ``absolute`` makes paths absolute.

    Raises: TypeError for a value that YAML cannot hold, such as a function.
    """
    plain = partial(to_plain, absolute=absolute)
    value = _unwrapped(value)
    match value:
        case None | bool():
            result = value
        case int() | float() | str():
            result = next(kind for kind in (int, float, str) if isinstance(value, kind))(value)
        case Path():
            result = str(value.absolute() if absolute else value)
        case list() | tuple() | deque():
            result = [plain(inner) for inner in value]
        case set() | frozenset():
            result = sorted(map(plain, value), key=lambda one: (str(type(one)), one))
        case Recorded():
            result = _plain_component(value, absolute=absolute)
        case Mapping():
            result = {_key(key, absolute=absolute): plain(inner) for key, inner in value.items()}
        case _ if (parts := _parts(value)) is not None:
            result = {key: plain(inner) for key, _, inner in parts}
        case _:
            result = _plain_other(value)
    return result


def _unwrapped(value: Any) -> Any:
    while isinstance(value, Enum):
        value = value.value
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _plain_other(value: Any) -> Any:
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise TypeError(f"YAML cannot hold {value!r}") from error


def factories(value: Any) -> Iterator[Recorded]:
    """Yield every component in a value, outer components first."""
    if isinstance(value, Recorded):
        yield value
        value = value.params
    if isinstance(value, list | tuple | set | frozenset | deque):
        inner = [*value]
    elif isinstance(value, Mapping):
        inner = [*value.values()]
    else:
        inner = [one for _, _, one in _parts(value) or ()]
    for one in inner:
        yield from factories(one)


def _plain_component(factory: Recorded, *, absolute: bool) -> dict[str, Any]:
    params = {
        key: _as_written(factory.written[key], value, absolute=absolute)
        if key in factory.written
        else to_plain(value, absolute=absolute)
        for key, value in factory.params.items()
    }
    return {"type": factory.component.qualified, **params}


def _as_written(written: Any, value: Any, *, absolute: bool) -> Any:
    """Return what a user wrote for a value, with absolute paths and qualified names.

    A plugin's type may not keep all that it was given, so its value is not enough.
    """
    plain = partial(to_plain, absolute=absolute)
    again = partial(_as_written, absolute=absolute)
    named = value._asdict() if hasattr(value, "_asdict") else value
    match value:
        case Recorded() | Path():
            return plain(value)
        case float() if isinstance(written, int) and not isinstance(written, bool):
            return plain(value)
        case list() | tuple() if isinstance(written, list) and len(written) == len(value):
            return [again(one, inner) for one, inner in zip(written, value, strict=True)]
        case list() if any(isinstance(inner, Recorded) for inner in value):
            return plain(value)
    if not isinstance(written, Mapping):
        return written
    if isinstance(named, Mapping):
        parts = [(str(_key(key, absolute=False)), "", inner) for key, inner in named.items()]
        renamed = {str(_key(key, absolute=False)): _key(key, absolute=absolute) for key in named}
        missing = []
    else:
        parts, renamed = _parts(value) or [], {}
        missing = [one for one in parts if not {one[0], one[1]} & written.keys()]
    found = {name: inner for key, attribute, inner in parts for name in (key, attribute)}
    kept = {
        renamed.get(key, key): again(one, found[key]) if key in found else one
        for key, one in written.items()
    }
    return kept | {key: plain(inner) for key, _, inner in missing}


def _key(key: Any, *, absolute: bool) -> str | int:
    """Return a key of a mapping as YAML holds it."""
    plain = to_plain(key, absolute=absolute)
    if isinstance(plain, bool) or plain is None:
        return {True: "true", False: "false", None: "null"}[plain]
    return plain if isinstance(plain, int) else str(plain)


def are_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, also in what a plugin's types do not compare."""
    inner, others = _inner(one), _inner(other)
    if type(one) is not type(other):
        return False
    if inner is None or others is None:
        return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN
    return len(inner) == len(others) and all(map(are_same, inner, others))


def _inner(value: Any) -> list[Any] | None:
    """Return what a value consists of, or None for a single value."""
    match value:
        case Path():
            return [str(value.absolute())]
        case Recorded():
            return [value.component, dict(value.params)]
        case Mapping():
            return [*value.keys(), *value.values()]
        case list() | tuple() | deque():
            return [*value]
        case BaseModel():
            return [vars(value), value.model_extra]
    is_kept = dataclasses.is_dataclass(value) and hasattr(value, "__dict__")
    return [vars(value)] if is_kept and not isinstance(value, Component) else None


def _parts(value: Any) -> list[tuple[str, str, Any]] | None:
    """Return the key, the attribute and the value of each field, or None for other values."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        parts = [(key_of(name, field), name, getattr(value, name)) for name, field in fields]
        parts += [(name, name, inner) for name, inner in (value.model_extra or {}).items()]
        return sorted(parts, key=lambda part: part[0] != "type")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {field.name for field in dataclasses.fields(value)}
        names = (name for name in parameters_of(type(value)) if name in kept)
        return [(name, name, getattr(value, name)) for name in names]
    return None
