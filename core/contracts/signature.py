"""The signature of a component is its schema.

Parameters before ``*`` are wiring, which core injects by name; keyword-only ones are the user's
YAML, and become a pydantic model: unknown keys forbidden, types strict, defaults kept.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from ...registry import Component, PluginError, did_you_mean
from .kinds import WIRING

_CONFIG = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), frozen=True)
_PREFIX = "parameter_"
"""Keeps a parameter called ``copy``, say, from hiding a method of the model."""


@dataclass(frozen=True)
class Signature:
    """``wiring``: names that core injects; ``parameters``: the model of what YAML may say."""

    wiring: tuple[str, ...]
    parameters: type[BaseModel]


def read_signature(kind: str, component: Component, target: Callable[..., Any]) -> Signature:
    """Return what a component asks for.

    Raises: PluginError that names the plugin, if a signature breaks the rules: ``*args`` or
    ``**kwargs``, unknown wiring, a parameter called ``type``, without annotation or of a type that
    YAML cannot give.
    """
    try:
        return _read(kind, target)
    except _Refused as error:
        raise PluginError(
            f"{kind} '{component.name}' of plugin {component.provider} cannot be used: {error}"
        ) from error


class _Refused(Exception):  # noqa: N818 - it never leaves this module
    """Carries the reason."""


def _read(kind: str, target: Callable[..., Any]) -> Signature:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError, NameError) as error:
        raise _Refused(f"its signature cannot be read ({error})") from error
    for parameter in parameters:
        _check(kind, parameter)
    wiring = tuple(p.name for p in parameters if p.kind is not Parameter.KEYWORD_ONLY)
    fields = {
        f"{_PREFIX}{p.name}": _field(p, target)
        for p in parameters
        if p.kind is Parameter.KEYWORD_ONLY
    }
    return Signature(wiring, _model(getattr(target, "__name__", kind), fields))


def _model(name: str, fields: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    try:
        return create_model(name, __config__=_CONFIG, **dict[str, Any](fields))
    except Exception as error:
        for field, definition in fields.items() if len(fields) > 1 else ():
            _model(name, {field: definition})  # the one that is to blame raises
        parameter = ", ".join(fields).removeprefix(_PREFIX)
        reason = str(error).partition("\n")[0]
        raise _Refused(f"YAML cannot give its parameter '{parameter}' ({reason})") from error


def _check(kind: str, parameter: Parameter) -> None:
    name = parameter.name
    if parameter.kind is Parameter.VAR_KEYWORD:
        raise _Refused(
            f"**{name} hides what it takes: declare each parameter, or one mapping '{name}: dict'"
        )
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY):
        raise _Refused(f"'{name}' cannot be given by name")
    if parameter.kind is Parameter.KEYWORD_ONLY:
        if name == "type":
            raise _Refused("a parameter cannot be called 'type', which names the component")
    elif name not in WIRING[kind]:
        wiring = ", ".join(WIRING[kind]) or "nothing"
        raise _Refused(
            f"'{name}' comes before the *, so it is wiring, and a {kind} can be wired to {wiring}."
            f"{did_you_mean(name, WIRING[kind])} A parameter for YAML comes after the *"
        )


def _field(parameter: Parameter, target: Callable[..., Any]) -> tuple[Any, Any]:
    if parameter.annotation is Parameter.empty:
        raise _Refused(f"parameter '{parameter.name}' has no type annotation")
    annotation = _evaluate(parameter, target)
    if parameter.default is Parameter.empty:
        return annotation, Field(alias=parameter.name)
    return annotation, Field(default=parameter.default, alias=parameter.name)


def _evaluate(parameter: Parameter, target: Callable[..., Any]) -> Any:
    """Return an annotation as a type; those of wiring may exist for type checkers only."""
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    module = sys.modules.get(getattr(target, "__module__", ""))
    namespace = getattr(function, "__globals__", vars(module) if module else {})
    try:
        hints = typing.get_type_hints(holder, namespace, include_extras=True)
    except Exception as error:
        raise _Refused(
            f"the annotation of parameter '{parameter.name}' cannot be evaluated ({error})"
        ) from error
    return hints[parameter.name]
