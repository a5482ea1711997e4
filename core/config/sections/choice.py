"""Choose a section by its key ``type``: optimizers, schedules."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from ....registry import article
from ...contracts.annotations import alternatives
from ..messages.faults import Owner, fault
from ..tree.problems import suggestion
from .named import split_named, validate_parameters

CHOICE_MARK = "x-pluxel-choice"
"""Marks a choice in a JSON Schema under construction, with the default name."""


@dataclass(frozen=True)
class Choice:
    """Annotates a union of models, each with ``type: Literal[name]``.

    ``default`` is the name of the model to use without ``type``. Unlike pydantic's discriminated
    unions, syntax and errors match those of components.
    """

    kind: str
    default: str

    def models(self, source: Any) -> dict[str, type[BaseModel]]:
        """Return the models of a union by name."""
        members = (one for one in alternatives(source) if one is not type(None))
        return {_name(model): model for model in members}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        models = self.models(source)

        def validate(value: object, info: ValidationInfo) -> BaseModel:
            name, parameters = split_named(self.kind, value, self.default)
            if name not in models:
                raise fault(f"unknown {self.kind} '{name}'{_hint(self.kind, name, models)}")
            owner = Owner(f"{self.kind} '{name}'", models[name])
            return validate_parameters(parameters, owner, info.context)

        written = Literal[tuple(models)] | source  # pyright: ignore[reportInvalidTypeArguments]
        return core_schema.with_info_plain_validator_function(
            validate, json_schema_input_schema=handler.generate_schema(written)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), CHOICE_MARK: self.default}


def _hint(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the end of the error about an unknown name."""
    bare = name.rpartition("/")[2]
    if bare in known:  # components of plugins have such a prefix
        return f": {article(kind)} has no prefix; write '{bare}'"
    return suggestion(bare, known) or f": it is one of {', '.join(known)}"


def _name(model: type[BaseModel]) -> str:
    (name,) = typing.get_args(model.model_fields["type"].annotation)
    return name
