"""Describe in JSON Schema what strict validation accepts, where pydantic describes less or more."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ..contracts.docstrings import described_parameters

Schema = dict[str, Any]


class StrictSchema(GenerateJsonSchema):
    """Describes what strict validation of JSON accepts, if pydantic's own schema differs."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        described = super().model_schema(schema)
        if schema["cls"].model_config.get("extra") != "forbid":
            described.setdefault("additionalProperties", True)
        return _explained(described, schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> Schema:
        return _explained(super().dataclass_schema(schema), schema["cls"])

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        described = super().dict_schema(schema)
        if schema.get("keys_schema", {}).get("type") == "int":
            described["propertyNames"] = {"pattern": "^[-+]?[0-9]+$"}
        if described.get("additionalProperties") is True:  # not written before pydantic 2.11
            del described["additionalProperties"]
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


def _explained(described: Schema, model: type) -> Schema:
    """Add the descriptions that the docstring of a class gives its fields."""
    properties = described.get("properties", {})
    for name, text in described_parameters(model, properties).items():
        properties[name].setdefault("description", text)
    return described


def _without_uniqueness(described: Schema) -> Schema:
    """Return the schema of a list for a set: in YAML, it may repeat values."""
    return {key: value for key, value in described.items() if key != "uniqueItems"}


def titled(name: str) -> str:
    """Return the title of a section, which editors show above its keys: 'phase head'."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name.removesuffix("Config"))
    return " ".join(words).lower()


def as_text(schema: Schema) -> str:
    """Return JSON with one definition per line, so that a change shows where it is."""
    definitions = ",\n".join(
        f"  {_compact(name)}: {_compact(definition)}"
        for name, definition in schema["$defs"].items()
    )
    others = {key: value for key, value in schema.items() if key != "$defs"}
    keys = "".join(f" {_compact(key)}: {_compact(value)},\n" for key, value in others.items())
    return f'{{\n{keys} "$defs": {{\n{definitions}\n }}\n}}\n'


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def notes_of(schema: Schema) -> Schema:
    """Return the description of a schema, as a schema."""
    return {key: schema[key] for key in ("description",) if key in schema}


_NOTES = ("description", "default", "doNotSuggest")


def either(schema: Schema, other: Schema) -> Schema:
    """Return a schema that accepts what one of two accepts, with the notes of the first."""
    notes = {key: schema[key] for key in _NOTES if key in schema}
    rest = {key: value for key, value in schema.items() if key not in notes}
    members: Iterable[Schema] = [rest] if set(rest) != {"anyOf"} else rest["anyOf"]
    return {**notes, "anyOf": [*members, other]}


def pointer(key: str) -> str:
    """Return the reference to a definition."""
    return f"#/$defs/{key}"
