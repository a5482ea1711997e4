"""List the parameters of a component: types, ranges, defaults and descriptions."""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union

from pydantic.fields import FieldInfo

from ...registry import Component, Host, PluxelError, article
from ..common.text import plural, readable
from ..config.sections.factory import Factory, kind_of
from ..config.sections.plain import to_plain
from ..config.tree.emit import inline
from ..contracts.annotations import key_of
from ..contracts.signature import Signature, read_signature


class Parameter(NamedTuple):
    """A parameter in the words of YAML files."""

    key: str
    type: str
    """With its range, such as ``float ≥ 0 and < 1``."""

    default: str | None
    """None for a required parameter."""

    former: Sequence[str]
    """The names that it had."""

    description: str


def parameters_of(signature: Signature) -> Iterator[Parameter]:
    """Yield the parameters of a component, in the order of its constructor."""
    former: dict[str, list[str]] = {}
    for old, name in signature.renamed.items():
        former.setdefault(name, []).append(old)
    for name, field in signature.parameters.model_fields.items():
        key = key_of(name, field)
        default = None if field.is_required() else in_yaml(field.get_default())
        description = readable(field.description or "")
        yield Parameter(key, field_type(field), default, former.get(key, ()), description)


def parameter_lines(host: Host, kind: str, component: Component) -> list[str]:
    """Return a line on each parameter, or the reason why they cannot be read."""
    try:
        signature = read_signature(kind, component, host.load(component))
    except PluxelError as error:
        return [f"not available: {error.message}"]
    return [_line(parameter) for parameter in parameters_of(signature)]


def _line(parameter: Parameter) -> str:
    key, words, default, former, description = parameter
    line = f"{key}: {words}, {'required' if default is None else f'default {default}'}"
    line += f", formerly {' and '.join(former)}" if former else ""
    return f"{line}. {description}" if description else line


def in_yaml(default: Any) -> str:
    """Return a default as YAML writes it."""
    try:
        return inline(to_plain(default, absolute=False))
    except TypeError:
        return repr(default)


def field_type(field: FieldInfo) -> str:
    """Return the type of a field in the words of YAML files, with its range."""
    return _narrowed(type_name(field.annotation), field.metadata)


def type_name(annotation: Any) -> str:  # noqa: PLR0911 - one line for each form
    """Return a type in the words of YAML files."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if hasattr(annotation, "__value__"):  # type Alias = …
        return type_name(annotation.__value__)
    if origin is Annotated:
        return _narrowed(type_name(arguments[0]), arguments[1:])
    if origin is Factory:
        return article(kind_of(annotation))
    if origin is Literal:
        return " | ".join(inline(to_plain(one, absolute=False)) for one in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(map(type_name, arguments))
    if origin in (tuple, list, set, frozenset, abc.Sequence, abc.Collection):
        inner = ["…" if one is Ellipsis else type_name(one) for one in arguments]
        return f"[{', '.join(inner)}]" if origin is tuple else f"list of {_within(inner[0])}"
    if origin in (dict, abc.Mapping):
        return f"mapping of {type_name(arguments[0])} to {_within(type_name(arguments[1]))}"
    return _WORDS.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _within(name: str) -> str:
    """Return the name of a type within another; one with a number of items needs parentheses."""
    return f"({name})" if " with at " in name and not name.startswith(("[", "text")) else name


def _narrowed(name: str, metadata: Sequence[Any]) -> str:
    """Return the name of a type with the ranges that ``Annotated`` adds to it."""
    values = name.removesuffix(" | null")
    flat = [each for one in metadata for each in getattr(one, "metadata", [one])]  # of Field(…)
    given = {
        key: value
        for key in (*_BOUNDS, *_LENGTHS, "pattern")
        for one in flat
        if (value := getattr(one, key, None)) is not None
    }
    noun = "character" if values == "text" else "item"
    low = given.pop("min_length", 0)
    words = [
        _BOUNDS[key].format(f"{value:g}" if isinstance(value, float) else value)
        for key, value in given.items()
        if key in _BOUNDS
    ]
    lengths = {"at least": low if low > 1 else 0, "at most": given.get("max_length")}
    if found := [f"{text} {plural(count, noun)}" for text, count in lengths.items() if count]:
        words.append(f"with {' and '.join(found)}")
    if pattern := given.get("pattern"):
        words.append(f"that matches `{pattern}`")
    prefix = "non-empty " * (low == 1)
    return f"{prefix}{' '.join([values, ' and '.join(words)]).strip()}{name[len(values) :]}"


_BOUNDS = {
    "gt": "> {}",
    "ge": "≥ {}",
    "lt": "< {}",
    "le": "≤ {}",
    "multiple_of": "that is a multiple of {}",
}
"""Attribute of the constraints of pydantic and annotated-types -> its words."""

_LENGTHS = ("min_length", "max_length")

_WORDS = {
    int: "int",
    float: "float",
    str: "text",
    bool: "bool",
    Any: "any value",
    type(None): "null",
}
