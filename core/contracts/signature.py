"""Derive the schema of a component from the signature of its constructor.

Parameters before ``*`` are wiring, which core injects by name. Keyword-only parameters are set in
the user's YAML and become a pydantic model with strict types, which forbids unknown keys and keeps
defaults.
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
from .near_misses import wrong_forms

_CONFIG = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), frozen=True)
_PREFIX = "parameter_"
"""Prevents a parameter such as ``copy`` from hiding a method of the model."""


@dataclass(frozen=True)
class Signature:
    """``wiring``: names that core injects; ``parameters``: the model that validates the YAML."""

    wiring: tuple[str, ...]
    parameters: type[BaseModel]


def read_signature(kind: str, component: Component, target: Callable[..., Any]) -> Signature:
    """Return the wiring and the parameters of a component.

    Raises: PluginError that names the plugin if the signature is invalid: ``*args``, ``**kwargs``,
    unknown wiring, a parameter named ``type``, one without annotation, or one of a type that YAML
    cannot express. Also raised for a member that has another form than the contract's.
    """
    try:
        if wrong := wrong_forms(kind, target):
            raise _Invalid("; ".join(wrong))
        return _read(kind, target)
    except _Invalid as error:
        raise PluginError(
            f"{kind} '{component.name}' of plugin {component.provider} cannot be used: {error}"
        ) from error


class _Invalid(Exception):  # noqa: N818 - it never leaves this module
    """Why a signature is invalid."""


def _read(kind: str, target: Callable[..., Any]) -> Signature:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError, NameError) as error:
        raise _Invalid(f"its signature cannot be read ({error})") from error
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
            _model(name, {field: definition})  # only the invalid field raises
        parameter = ", ".join(fields).removeprefix(_PREFIX)
        reason = str(error).partition("\n")[0]
        raise _Invalid(f"YAML cannot express its parameter '{parameter}' ({reason})") from error


def _check(kind: str, parameter: Parameter) -> None:
    name = parameter.name
    if parameter.kind is Parameter.VAR_KEYWORD:
        raise _Invalid(
            f"**{name} hides its parameters: declare each one, or one mapping '{name}: dict'"
        )
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY):
        raise _Invalid(f"'{name}' cannot be passed by name")
    if parameter.kind is Parameter.KEYWORD_ONLY:
        if name == "type":
            raise _Invalid("a parameter cannot be named 'type', the key that names the component")
    elif name not in WIRING[kind]:
        wiring = ", ".join(WIRING[kind]) or "nothing"
        raise _Invalid(
            f"'{name}' comes before the *, so it is wiring, but a {kind} can only be wired to "
            f"{wiring}.{did_you_mean(name, WIRING[kind])} Parameters for YAML come after the *"
        )


def _field(parameter: Parameter, target: Callable[..., Any]) -> tuple[Any, Any]:
    if parameter.annotation is Parameter.empty:
        raise _Invalid(f"parameter '{parameter.name}' has no type annotation")
    annotation = _evaluate(parameter, target)
    if parameter.default is Parameter.empty:
        return annotation, Field(alias=parameter.name)
    return annotation, Field(default=parameter.default, alias=parameter.name)


def _evaluate(parameter: Parameter, target: Callable[..., Any]) -> Any:
    """Return the annotation as a type, evaluated alone: wiring may name types for checkers only."""
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    module = sys.modules.get(getattr(target, "__module__", ""))
    namespace = getattr(function, "__globals__", vars(module) if module else {})
    try:
        hints = typing.get_type_hints(holder, namespace, include_extras=True)
    except Exception as error:
        raise _Invalid(
            f"the annotation of parameter '{parameter.name}' cannot be evaluated ({error})"
        ) from error
    return hints[parameter.name]
