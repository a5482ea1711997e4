"""Validate JSON strictly, also behind the validators of a plugin.

With pydantic's own ``strict=True``, a list is a tuple only as long as it is JSON: behind a
validator that runs before, it is a Python list, which is refused. A validator made here refuses
numbers and text of the wrong type, as strict ones do, but takes lists and mappings for any
container.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator, core_schema, to_jsonable_python

_SINGLE = {"bool", "bytes", "complex", "decimal", "float", "int", "str", "url", "uuid"}
_TIMES = {"date", "datetime", "time", "timedelta"}
_CONTAINERS = {
    *("arguments", "call", "dataclass", "dataclass-args", "dict", "frozenset", "list"),
    *("lax-or-strict", "model", "model-fields", "set", "tuple", "typed-dict"),
}
_BEFORE = {"function-before", "function-wrap"}
_OPAQUE = {"cls", "config", "default", "expected", "function", "members", "metadata"}
"""Keys of a core schema that contain no schema."""


def json_validator(model: type[BaseModel]) -> SchemaValidator:
    """Return a strict validator of JSON for a model; validate without ``strict``."""
    schema = _strict(TypeAdapter(model).core_schema, python=False)
    try:
        # Else models inside this one would be validated by their own, unchanged schemas.
        return SchemaValidator(schema, _use_prebuilt=False)
    except TypeError:  # before pydantic-core 2.33, which introduced it
        return SchemaValidator(schema)


def kinds_of_fields(model: type[BaseModel]) -> dict[str, set[str]]:
    """Return field -> the types of all parts of its core schema."""
    schema: Any = TypeAdapter(model).core_schema
    shared = _kinds(schema.get("definitions", []))
    while "fields" not in schema:
        schema = schema["schema"]
    found = {name: _kinds(field) for name, field in schema["fields"].items()}
    return {n: kinds | shared if "definition-ref" in kinds else kinds for n, kinds in found.items()}


def _kinds(schema: Any) -> set[str]:
    if isinstance(schema, list | tuple):
        return set().union(*map(_kinds, schema))
    if not isinstance(schema, dict):
        return set()
    inner = (_kinds(value) for key, value in schema.items() if key not in _OPAQUE)
    own = {schema["type"]} if isinstance(schema.get("type"), str) else set()
    return own.union(*inner)


def _strict(schema: Any, *, python: bool) -> Any:
    """Return a core schema with strictness set for each part.

    ``python``: the values are no longer JSON, so dates are text.
    """
    if isinstance(schema, list | tuple):
        return type(schema)(_strict(one, python=python) for one in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    inside = python or kind in _BEFORE
    changed = {
        key: value if key in _OPAQUE else _strict(value, python=inside)
        for key, value in schema.items()
    }
    if kind in _SINGLE or (kind in _TIMES and not python):
        return {**changed, "strict": True}
    if kind == "enum":
        return _any_enumeration(changed)
    return {**changed, "strict": False} if kind in _CONTAINERS | _TIMES else changed


def _any_enumeration(schema: dict[str, Any]) -> Any:
    """Return the schema of an enumeration whose values may be tuples or paths."""

    def member(value: Any) -> Any:
        """Return the member with a value, as JSON writes it, or the value itself."""
        found = (one for one in schema["members"] if to_jsonable_python(one.value) == value)
        return next((one for one in found if type(value) is not bool or one.value is value), value)

    lax: Any = {**schema, "strict": False}
    return core_schema.no_info_before_validator_function(member, lax)
