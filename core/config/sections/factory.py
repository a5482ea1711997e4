"""Components that a configuration names, with validated parameters, ready to build.

Annotate a field of a section or a parameter of another component with ``Factory[Loss]``:
``losses: list[Factory[Loss]]``. Validation needs ``context={"host": host}``.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import Parameter
from types import MappingProxyType
from typing import Annotated, Any, Generic, NoReturn, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from ....registry import KINDS, Component, Host, PluxelError, UnknownComponent, reason_of
from ...common.logs import log_once
from ...contracts.check import contract_violation
from ...contracts.kinds import Embedding
from ...contracts.near_misses import near_misses
from ...contracts.signature import read_signature
from ...contracts.table import CONTRACTS
from ..messages.faults import Owner, fault
from .named import split_named
from .parameters import read_parameters
from .plain import Recorded

K = TypeVar("K")

KIND_MARK = "x-pluxel-kind"
"""Marks any component of a kind in a JSON Schema under construction."""


class Factory(Recorded, Generic[K]):
    """Builds a component when called with wiring: ``factory(num_classes=11)``.

    ``params``: validated keyword-only arguments, with defaults; relative paths are relative to
    the working folder. ``wiring``: names of the arguments that Pluxel supplies. ``written``: the
    given arguments in the form of the YAML.
    """

    # Not a dataclass: pydantic would validate the fields of a generic one.
    def __init__(
        self,
        kind: str,
        component: Component,
        target: Callable[..., K],
        params: Mapping[str, Any],
        wiring: tuple[str, ...] = (),
        written: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.kind = kind
        self.component = component
        self.target = target
        self.params = params
        self.wiring = wiring
        self.written = written

    def wants(self, name: str) -> bool:
        """Return whether the component accepts this wiring."""
        return name in self.wiring

    def given(self, params: Mapping[str, Any]) -> Factory[K]:
        """Return a copy of the factory with changed parameters."""
        changed = {**self.params, **params}
        written = {key: value for key, value in self.written.items() if key not in params}
        return Factory(self.kind, self.component, self.target, changed, self.wiring, written)

    def __call__(self, **wiring: Any) -> K:
        """Build the component with the part of ``wiring`` that it accepts.

        Each component gets its own copies of the parameters.

        Raises: PluxelError that names the component, if the component raises anything but a
        PluxelError, or violates the contract of its kind. TypeError if ``wiring`` lacks what the
        component needs.
        """
        if self.target is _unread:
            raise RuntimeError(f"{self} was not read and cannot be built")
        if missing := self._missing(wiring):
            raise TypeError(f"call the factory of {self} with {', '.join(missing)}")
        accepted = {name: wiring[name] for name in self.wiring if name in wiring}
        plugin = f"{self} of plugin {self.component.provider}"
        try:
            instance = self.target(**accepted, **deepcopy(dict(self.params)))
            reason = contract_violation(self.kind, instance)
        except (PluxelError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a constructor may even call sys.exit
            reason, notes = reason_of(error)
            raise PluxelError(f"{plugin} cannot be built ({reason})", notes) from error
        if reason:
            raise PluxelError(f"{plugin} cannot be used: {reason}")
        return instance

    def _missing(self, wiring: Mapping[str, Any]) -> list[str]:
        """Return the names of wiring that the component needs but would not get."""
        absent = [name for name in self.wiring if name not in wiring]
        parameters = inspect.signature(self.target).parameters if absent else {}
        return [name for name in absent if parameters[name].default is Parameter.empty]

    def __deepcopy__(self, memo: dict[int, Any]) -> Factory[K]:
        """Return a copy with its own parameters; the component stays the same."""
        params = deepcopy(dict(self.params), memo)
        return Factory(self.kind, self.component, self.target, params, self.wiring, self.written)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Factory):
            return NotImplemented
        own, theirs = (self.component, self.params), (other.component, other.params)
        return self.kind == other.kind and own == theirs

    __hash__ = None  # pyright: ignore[reportAssignmentType] - parameters may be lists

    def __str__(self) -> str:
        return f"{self.kind} '{self.component.name}'"

    def __repr__(self) -> str:
        return f"Factory({self.component.qualified}, {dict(self.params)})"

    @classmethod
    def unread(cls, kind: str, component: Component, params: Mapping[str, Any]) -> Factory[Any]:
        """Return a factory without importing its component; calling it raises RuntimeError."""
        return Factory(kind, component, _unread, params, written=params)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = kind_of(source)

        def validate(value: object, info: ValidationInfo) -> Factory[Any]:
            return _parse(kind, value, info.context or {})

        # The components depend on the host; `config_schema` replaces this mark.
        anything = TypeAdapter(Annotated[Any, WithJsonSchema({KIND_MARK: kind})]).core_schema
        return core_schema.with_info_plain_validator_function(
            validate, json_schema_input_schema=anything
        )


def _unread() -> NoReturn:
    """Stand for the class of a component that was not imported."""
    raise NotImplementedError


def kind_of(source: Any) -> str:
    """Return the kind in ``Factory[…]``. Raises: TypeError if it is not one."""
    arguments = typing.get_args(source)
    for kind in KINDS:
        if arguments and arguments[0] is CONTRACTS[kind].required:
            return kind
    names = ", ".join(kind.capitalize() for kind in KINDS)
    raise TypeError(f"annotate a factory as Factory[…] with one of {names}, not {source}")


def _parse(kind: str, value: object, context: Mapping[str, Any]) -> Factory[Any]:
    host: Host = context["host"]
    name, given = split_named(kind, value)
    if kind in context.get("unread", ()):
        return Factory.unread(kind, _known_or_missing(host, kind, name), given)
    try:
        component = host.get(kind, name)
        target = host.load(component)
        signature = read_signature(kind, component, target)
    except UnknownComponent as error:
        raise fault(error.message, (*error.notes, *_offers(kind, name, host))) from error
    except PluxelError as error:
        raise fault(error.message, error.notes) from error
    for odd in near_misses(kind, target):
        log_once(logging.WARNING, f"{kind} '{name}' of plugin {component.provider}: {odd}")
    owner = Owner(f"{kind} '{name}'", signature.parameters, signature.wiring, component.provider)
    try:
        params, written = read_parameters(given, owner, component, signature, context)
    except PluxelError as error:
        raise fault(error.message, error.notes) from error
    return Factory(kind, component, target, params, signature.wiring, written)


def _known_or_missing(host: Host, kind: str, name: str) -> Component:
    """Return the component with a name, or a record in place of one that is not available."""
    try:
        return host.get(kind, name)
    except UnknownComponent:
        provider, _, short = name.rpartition("/")
        return Component(short, "missing:Missing", "not available", provider=provider)


def _offers(kind: str, name: str, host: Host) -> list[str]:
    """Return notes on how to name vectors that were mistaken for a component."""
    if kind != "embedding":
        return []
    from ...embeddings import find_offer  # noqa: PLC0415 - only this error needs it

    if (found := find_offer(host, name)) is None:
        return []
    component = found.component.name
    return [f"'{name}' is provided by embedding '{component}': {{type: {component}, name: {name}}}"]


Embeddings = Annotated[
    list[Factory[Embedding]],
    Field(min_length=1),
    BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else [value],
        json_schema_input_type=Factory[Embedding]
        | Annotated[list[Factory[Embedding]], Field(min_length=1)],
    ),
]
"""One embedding, or a list of embeddings whose vectors are concatenated."""
