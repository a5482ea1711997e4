"""Describe in JSON Schema what strict validation accepts, where pydantic describes less or more."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Schema = dict[str, Any]


class StrictSchema(GenerateJsonSchema):
    """Describes what strict validation of JSON accepts, if pydantic's own schema differs."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        described = super().model_schema(schema)
        if schema["cls"].model_config.get("extra") != "forbid":
            described.setdefault("additionalProperties", True)
        return described

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        described = super().dict_schema(schema)
        if schema.get("keys_schema", {}).get("type") == "int":
            described["propertyNames"] = {"pattern": "^[-+]?[0-9]+$"}
        # Keys that match no pattern would be allowed.
        for pattern, values in described.pop("patternProperties", {}).items():
            described |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
        return described

    def set_schema(self, schema: core_schema.SetSchema) -> Schema:
        return _without_uniqueness(super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> Schema:
        return _without_uniqueness(super().frozenset_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> Schema:
        described = super().float_schema(schema)
        if schema.get("allow_inf_nan") is False:
            described.setdefault("maximum", sys.float_info.max)
            described.setdefault("minimum", -sys.float_info.max)
        return described


def _without_uniqueness(described: Schema) -> Schema:
    """Return the schema of a list for a set: in YAML, it may repeat values."""
    return {key: value for key, value in described.items() if key != "uniqueItems"}


def notes_of(schema: Schema) -> Schema:
    """Return the description of a schema, as a schema."""
    return {key: schema[key] for key in ("description",) if key in schema}


def either(schema: Schema, other: Schema) -> Schema:
    """Return a schema that accepts what one of two accepts, with the notes of the first."""
    notes = {key: schema[key] for key in ("description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in notes}
    members: Iterable[Schema] = [rest] if set(rest) != {"anyOf"} else rest["anyOf"]
    return {**notes, "anyOf": [*members, other]}


def pointer(key: str) -> str:
    """Return the reference to a definition."""
    return f"#/$defs/{key}"
