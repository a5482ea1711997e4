"""A component that a configuration names, with its parameters, ready to be built.

``Factory[Loss]`` is a type for annotations, of a section of the configuration as of a parameter of
another component: ``losses: list[Factory[Loss]]``. Validation needs ``context={"host": host}``.
"""

from __future__ import annotations

import logging
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
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

from ....registry import KINDS, Component, Host, PluxelError, UnknownComponent
from ...common.logs import log_once
from ...contracts.check import contract_violation
from ...contracts.kinds import Embedding
from ...contracts.near_misses import near_misses
from ...contracts.signature import read_signature
from ...contracts.table import CONTRACTS
from ..messages.annotations import key_of
from ..messages.faults import Owner, fault
from ..tree.files import expand_home
from .named import split_named, validate_parameters

K = TypeVar("K")

KIND_MARK = "x-pluxel-kind"
"""In a JSON Schema under construction, stands for any component of a kind."""


class Factory(Generic[K]):
    """Calling it with wiring builds the component: ``factory(num_classes=11)``.

    ``params`` are the keyword-only arguments, validated, defaults included; relative paths in them
    count from the working folder. ``wiring`` are the names that the component asks for.
    """

    # No dataclass: of a generic one, pydantic would validate the fields.
    def __init__(
        self,
        kind: str,
        component: Component,
        target: Callable[..., K],
        params: Mapping[str, Any],
        wiring: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.component = component
        self.target = target
        self.params = params
        self.wiring = wiring

    def wants(self, name: str) -> bool:
        """Tell whether the component asks for this wiring."""
        return name in self.wiring

    def given(self, params: Mapping[str, Any]) -> Factory[K]:
        """Return the factory with other values for some parameters."""
        changed = {**self.params, **params}
        return Factory(self.kind, self.component, self.target, changed, self.wiring)

    def __call__(self, **wiring: Any) -> K:
        """Build the component with the part of ``wiring`` that it asks for.

        Raises: whatever the component raises; a ValueError comes as a PluxelError that names it,
        and so does a result that breaks the contract of its kind.
        """
        wanted = {name: wiring[name] for name in self.wiring if name in wiring}
        try:
            made = self.target(**wanted, **self.params)
        except ValueError as error:
            raise PluxelError(f"{self}: {error}") from error
        if reason := contract_violation(self.kind, made):
            provider = self.component.provider
            raise PluxelError(f"{self} of plugin {provider} cannot be used: {reason}")
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Factory):
            return NotImplemented
        mine, its = (self.component, self.params), (other.component, other.params)
        return self.kind == other.kind and mine == its

    __hash__ = None  # pyright: ignore[reportAssignmentType] - parameters may be lists

    def __str__(self) -> str:
        return f"{self.kind} '{self.component.name}'"

    def __repr__(self) -> str:
        return f"Factory({self.component.qualified}, {dict(self.params)})"

    @classmethod
    def unread(cls, kind: str, component: Component, params: Mapping[str, Any]) -> Factory[Any]:
        """Return the factory of a component that is not imported, and so cannot be built."""

        def refuse(**_: object) -> NoReturn:
            raise RuntimeError(f"{kind} '{component.name}' was left unread")

        return Factory(kind, component, refuse, params)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = _kind_of(source)

        def validate(value: object, info: ValidationInfo) -> Factory[Any]:
            return _parse(kind, value, info.context or {})

        # Which components there are depends on the host; the schema of the host fills this in.
        anything = TypeAdapter(Annotated[Any, WithJsonSchema({KIND_MARK: kind})]).core_schema
        return core_schema.with_info_plain_validator_function(
            validate, json_schema_input_schema=anything
        )


def _kind_of(source: Any) -> str:
    arguments = typing.get_args(source)
    for kind in KINDS:
        if arguments and arguments[0] is CONTRACTS[kind].required:
            return kind
    names = ", ".join(kind.capitalize() for kind in KINDS)
    raise TypeError(f"a factory is typed Factory[…] with one of {names}, not {source}")


def _parse(kind: str, value: object, context: Mapping[str, Any]) -> Factory[Any]:
    host: Host = context["host"]
    name, given = split_named(kind, value)
    try:
        component = host.get(kind, name)
        if kind in context.get("unread", ()):
            return Factory.unread(kind, component, given)
        target = host.load(component)
        signature = read_signature(kind, component, target)
    except UnknownComponent as error:
        raise fault(error.message, (*error.notes, *_offers(kind, name, host))) from error
    except PluxelError as error:
        raise fault(error.message, error.notes) from error
    for odd in near_misses(kind, target):
        log_once(logging.WARNING, f"{kind} '{name}' of plugin {component.provider}: {odd}")
    owner = Owner(f"{kind} '{name}'", signature.parameters, signature.wiring)
    model = validate_parameters(given, owner, context)
    params = {
        key_of(attribute, field): _at_home(getattr(model, attribute))
        for attribute, field in signature.parameters.model_fields.items()
    }
    return Factory(kind, component, target, params, signature.wiring)


def _offers(kind: str, name: str, host: Host) -> list[str]:
    """Say how vectors are written that were named as if they were a component."""
    if kind != "embedding":
        return []
    from ...embeddings import offered  # noqa: PLC0415 - which only a mistake needs

    return [
        f"'{name}' is what embedding '{one.component.name}' offers: "
        f"{{type: {one.component.name}, name: {name}}}"
        for one in offered(host)
        if one.offer.alias == name
    ]


def _at_home(value: Any) -> Any:
    """Replace ``~`` in a path, or in a list of paths."""
    if isinstance(value, list | tuple):
        return type(value)(_at_home(one) for one in value)
    return expand_home(value) if isinstance(value, Path) else value


def _several(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Embeddings = Annotated[
    list[Factory[Embedding]],
    Field(min_length=1),
    BeforeValidator(_several, json_schema_input_type=Factory[Embedding] | list[Factory[Embedding]]),
]
"""One embedding, or a list of them whose vectors are joined."""
