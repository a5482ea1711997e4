"""List the parameters of a component: types, defaults and descriptions."""

from __future__ import annotations

import types
import typing
from collections import abc
from typing import Annotated, Any, Literal, Union

from ...registry import Component, Host, PluxelError, article
from ..config.sections.factory import Factory, kind_of
from ..config.sections.plain import to_plain
from ..config.tree.emit import inline
from ..contracts.annotations import key_of
from ..contracts.signature import read_signature


def parameter_lines(host: Host, kind: str, component: Component) -> list[str]:
    """Return a line on each parameter, or the reason why they cannot be read."""
    try:
        signature = read_signature(kind, component, host.load(component))
    except PluxelError as error:
        return [f"not available: {error.message}"]
    former: dict[str, list[str]] = {}
    for old, name in signature.renamed.items():
        former.setdefault(name, []).append(old)
    lines = []
    for name, field in signature.parameters.model_fields.items():
        key = key_of(name, field)
        required = field.is_required()
        default = "required" if required else f"default {_format(field.get_default())}"
        line = f"{key}: {type_name(field.annotation)}, {default}"
        line += f", formerly {' and '.join(former[key])}" if key in former else ""
        lines.append(f"{line}. {field.description}" if field.description else line)
    return lines


def _format(default: Any) -> str:
    try:
        return inline(to_plain(default, absolute=False))
    except TypeError:
        return repr(default)


def type_name(annotation: Any) -> str:  # noqa: PLR0911 - one line for each form
    """Return a type in the words of YAML files."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if hasattr(annotation, "__value__"):  # type Alias = …
        return type_name(annotation.__value__)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Factory:
        return article(kind_of(annotation))
    if origin is Literal:
        return " | ".join(inline(to_plain(one, absolute=False)) for one in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(map(type_name, arguments))
    if origin in (tuple, list, set, frozenset, abc.Sequence, abc.Collection):
        inner = ", ".join("…" if one is Ellipsis else type_name(one) for one in arguments)
        return f"[{inner}]" if origin is tuple else f"list of {inner}"
    if origin in (dict, abc.Mapping):
        return f"mapping of {type_name(arguments[0])} to {type_name(arguments[1])}"
    return _WORDS.get(annotation) or getattr(annotation, "__name__", str(annotation))


_WORDS = {
    int: "int",
    float: "float",
    str: "text",
    bool: "bool",
    Any: "any value",
    type(None): "null",
}
