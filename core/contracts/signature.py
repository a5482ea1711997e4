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
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import SchemaValidator
from torch import nn

from ...registry import Component, PluginError, PluxelError, did_you_mean, reason_of
from .docstrings import described_parameters
from .kinds import WIRING
from .near_misses import wrong_forms
from .strictness import json_validator, kinds_of_fields

_CONFIG = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), frozen=True)
_PREFIX = "parameter_"
"""Prevents a parameter such as ``copy`` from hiding a method of the model."""


@dataclass(frozen=True)
class Signature:
    """``wiring``: names that core injects; ``parameters``: the model of those set in YAML.

    ``validator`` reads JSON strictly into that model. ``renamed``: former name of a parameter ->
    its name.
    """

    wiring: tuple[str, ...]
    parameters: type[BaseModel]
    validator: SchemaValidator
    renamed: Mapping[str, str]


class RenamedFrom:
    """Annotates a parameter that had other names: ``width: Annotated[int, RenamedFrom("size")]``.

    The former names are accepted with a warning, so that old runs still load.
    """

    def __init__(self, *names: str) -> None:
        self.names = names


def read_signature(kind: str, component: Component, target: Callable[..., Any]) -> Signature:
    """Return the wiring and the parameters of a component.

    Raises: PluginError that names the plugin if the signature is invalid: ``*args``, ``**kwargs``,
    unknown wiring, wiring after ``*``, a parameter named ``type``, one without annotation, or one
    of a type that YAML cannot express. Also raised for a member that has another form than the
    contract's.
    """
    try:
        if wrong := wrong_forms(kind, target):
            raise _Invalid("; ".join(wrong))
        return _read(kind, target, getattr(target, "__init__", None))
    except _Invalid as error:
        name = f"{kind} '{component.name}' of plugin {component.provider}"
        raise PluginError(f"{name} cannot be used: {error.message}", error.notes) from error


class _Invalid(PluxelError):  # noqa: N818 - it never leaves this module
    """Why a signature is invalid."""


@lru_cache(maxsize=512)
def _read(kind: str, target: Callable[..., Any], _constructor: object) -> Signature:
    """Return a signature; ``_constructor`` only distinguishes classes that were changed."""
    try:
        parameters = () if _takes_nothing(target) else inspect.signature(target).parameters.values()
    except (TypeError, ValueError, NameError) as error:
        reason, notes = reason_of(error, with_type=False)
        raise _Invalid(f"its signature cannot be read ({reason})", notes) from error
    for parameter in parameters:
        _check(kind, parameter)
    wiring = tuple(p.name for p in parameters if p.kind is not Parameter.KEYWORD_ONLY)
    texts = described_parameters(target, {p.name for p in parameters})
    fields = {
        f"{_PREFIX}{p.name}": _field(p, target, texts.get(p.name))
        for p in parameters
        if p.kind is Parameter.KEYWORD_ONLY
    }
    model = _model(getattr(target, "__name__", kind), fields)
    _check_reusable(model)
    return Signature(wiring, model, json_validator(model), _renamed(model))


def _takes_nothing(target: Callable[..., Any]) -> bool:
    """Return whether a class has no constructor of its own.

    The constructors of torch modules and of protocols take ``*args, **kwargs``, but only to pass
    them on or to refuse them.
    """
    constructor = inspect.isclass(target) and target.__init__
    return constructor in (object.__init__, nn.Module.__init__) or (
        getattr(constructor, "__module__", "") == "typing"
    )


def _check_reusable(model: type[BaseModel]) -> None:
    """Raise if the first build would use up a value, or if YAML cannot hold one that is needed."""
    parts = kinds_of_fields(model)
    for attribute, field in model.model_fields.items():
        name, kinds = attribute.removeprefix(_PREFIX), parts[attribute]
        if "generator" in kinds:
            raise _Invalid(
                f"parameter '{name}' is an iterator, which the first build uses up: annotate it as "
                "a list or a Sequence"
            )
        if field.is_required() and kinds & _NO_YAML and kinds <= _NO_YAML | _WRAPPERS:
            raise _Invalid(f"YAML cannot express its parameter '{name}'")


_NO_YAML = {"callable", "is-instance", "is-subclass"}
_WRAPPERS = {"any", "function-after", "function-before", "function-wrap", "model-field", "union"}


def _renamed(model: type[BaseModel]) -> Mapping[str, str]:
    """Return former name -> name of the parameters. Raises: _Invalid if a name is in use."""
    fields = model.model_fields.items()
    names = {attribute.removeprefix(_PREFIX) for attribute, _ in fields}
    renamed: dict[str, str] = {}
    for attribute, field in fields:
        for mark in field.metadata:
            for old in mark.names if isinstance(mark, RenamedFrom) else ():
                if old in names or old in renamed:
                    raise _Invalid(f"'{old}' is another parameter, so it is not a former name")
                renamed[old] = attribute.removeprefix(_PREFIX)
    return renamed


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
        if name in WIRING[kind]:
            raise _Invalid(f"{name} is supplied by Pluxel: write it before the *")
    elif name not in WIRING[kind]:
        wiring = ", ".join(WIRING[kind]) or "nothing"
        raise _Invalid(
            f"'{name}' comes before the *, so it is wiring, but a {kind} can only be wired to "
            f"{wiring}.{did_you_mean(name, WIRING[kind])} Parameters for YAML come after the *"
        )


def _field(
    parameter: Parameter, target: Callable[..., Any], description: str | None
) -> tuple[Any, Any]:
    if parameter.annotation is Parameter.empty:
        raise _Invalid(f"parameter '{parameter.name}' has no type annotation")
    annotation = _evaluate(parameter, target)
    more: dict[str, Any] = {"description": description} if description else {}
    if parameter.default is Parameter.empty:
        return annotation, Field(alias=parameter.name, **more)
    return annotation, Field(default=parameter.default, alias=parameter.name, **more)


def _evaluate(parameter: Parameter, target: Callable[..., Any]) -> Any:
    """Return the annotation as a type, evaluated alone: wiring may name types for checkers only."""
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    module = sys.modules.get(getattr(target, "__module__", ""))
    namespace = getattr(function, "__globals__", vars(module) if module else {})
    try:
        hints = typing.get_type_hints(holder, namespace, include_extras=True)
    except Exception as error:
        reason, notes = reason_of(error, with_type=False)
        raise _Invalid(
            f"the annotation of parameter '{parameter.name}' cannot be evaluated ({reason})", notes
        ) from error
    return _reusable(hints[parameter.name])


def _reusable(annotation: Any) -> Any:
    """Return an annotation with lists in place of iterables.

    Pydantic turns an iterable into an iterator, of which a second build would get nothing.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is abc.Iterable or annotation is typing.Iterable:
        return list[Any]
    if not arguments:
        return annotation
    if origin is abc.Iterable:
        return list[_reusable(arguments[0])]
    if origin is Annotated:
        return Annotated[(_reusable(arguments[0]), *arguments[1:])]
    inner = tuple(map(_reusable, arguments))
    if inner == arguments or origin in (Literal, abc.Callable):
        return annotation
    return Union[inner] if origin in (Union, types.UnionType) else origin[inner]  # noqa: UP007
