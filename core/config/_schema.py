"""Generate a JSON Schema of configuration files for editors, with all installed components.

The schema covers pipelines, in the short and the long form, and word vectors. ``load_config`` is
stricter: the schema does not require keys that a base may supply, and accepts a reference or null
for any value.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import PydanticJsonSchemaWarning

from ...registry import KINDS, Component, Host, PluxelError
from ..contracts.signature import read_signature
from .sections.embedding import OWN, EmbeddingConfig
from .sections.factory import KIND_MARK
from .sections.pipeline import HeadConfig, PipelineConfig, StreamConfig
from .tree.paths import SHORT

Schema = dict[str, Any]

_REFERENCE: Schema = {
    "description": "A reference, '${key.path}' or '${env:NAME}', or null, which clears a value.",
    "anyOf": [{"type": "string", "pattern": r"\$\{"}, {"type": "null"}],
}
_BASE: Schema = {
    "description": "Base files that this file overrides: relative paths or names of shipped files.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_ENOUGH: Schema = {
    "required": ["dataset"],
    "allOf": [
        {"anyOf": [{"required": ["backbone"]}, {"required": ["streams"]}]},
        {"anyOf": [{"required": ["decoder", "loss"]}, {"required": ["heads"]}]},
    ],
}


def config_schema(host: Host) -> Schema:
    """Return a JSON Schema (draft 2020-12) for the components installed in ``host``.

    A component that cannot be imported is listed without its parameters.
    """
    definitions: Schema = {"reference": _REFERENCE}
    pipeline = _describe(PipelineConfig, "", definitions)
    words = _describe(EmbeddingConfig, "", definitions)
    for kind in KINDS:
        definitions |= _kind(kind, host)
    sections = (StreamConfig, HeadConfig)
    written = {k: v for s in sections for k, v in definitions[s.__name__]["properties"].items()}
    pipeline["properties"] |= {"base": _BASE} | {key: written[key] for key in SHORT}
    pipeline |= {"if": {"not": {"required": ["base"]}}, "then": _ENOUGH}
    words["properties"] |= {"base": _BASE}
    words |= {"if": {"not": {"required": ["base"]}}, "then": {"required": ["embedding"]}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pluxel configuration",
        "if": {"anyOf": [{"required": [key]} for key in sorted(OWN)]},
        "then": words,
        "else": pipeline,
        "$defs": definitions,
    }


def _kind(kind: str, host: Host) -> Schema:
    """Return the definitions of a kind and of each of its components."""
    definitions: Schema = {}
    branches, spellings = [], []
    for component in host.components(kind):
        names = _spellings(kind, component, host)
        key = f"{kind}.{component.provider}.{component.name}"
        definitions[key] = _component(kind, component, host, definitions, f"{key}.")
        condition = {"properties": {"type": {"enum": names}}, "required": ["type"]}
        branches.append({"if": condition, "then": {"$ref": _pointer(key)}})
        spellings += names
    named = {"anyOf": [{"enum": spellings}, {"$ref": _pointer("reference")}]}
    definitions[kind] = {
        "description": f"The name of a {kind}, or a mapping with its 'type' and its parameters.",
        "if": {"type": "object"},
        "then": {"properties": {"type": named}, "allOf": branches} if branches else {},
        "else": named,
    }
    return definitions


def _spellings(kind: str, component: Component, host: Host) -> list[str]:
    """Return every name that unambiguously refers to this component."""
    bare = [name for name in component.answers_to if len(host.owners(kind, name)) == 1]
    return [*bare, *(f"{component.provider}/{name}" for name in component.answers_to)]


def _component(
    kind: str, component: Component, host: Host, definitions: Schema, prefix: str
) -> Schema:
    try:
        signature = read_signature(kind, component, host.load(component))
        described = _describe(signature.parameters, prefix, definitions)
    except PluxelError as error:
        return {"description": component.summary, "$comment": error.message}
    except Exception as error:  # noqa: BLE001 - pydantic raises various errors for types that JSON lacks
        return {"description": component.summary, "$comment": f"not described: {error}"}
    properties = {"type": {"description": component.summary}, **described.get("properties", {})}
    return {
        "description": component.summary,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _describe(model: type[BaseModel], prefix: str, definitions: Schema) -> Schema:
    """Return the schema of a model; add its definitions to ``definitions`` under ``prefix``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults that JSON lacks
        schema = model.model_json_schema(ref_template=_pointer(prefix + "{model}"))
    for name, definition in schema.pop("$defs", {}).items():
        definitions[prefix + name] = _open(definition)
    return _open(schema)


def _pointer(key: str) -> str:
    return f"#/$defs/{key}"


def _open(schema: Schema) -> Schema:
    """Return a schema that allows a reference for any value and requires no key."""
    if KIND_MARK in schema:
        described = {k: v for k, v in schema.items() if k == "description"}
        return {"$ref": _pointer(schema[KIND_MARK]), **described}
    opened = {k: v for k, v in schema.items() if k not in ("title", "required")}
    if "$ref" in opened:
        opened.pop("default", None)  # the definition lists its own defaults
    if "properties" in opened:
        # Before pydantic 2.14, the schema of a dataclass allows keys that validation rejects.
        opened.setdefault("additionalProperties", False)
        opened["properties"] = {k: _value(v) for k, v in opened["properties"].items()}
    for key in ("additionalProperties", "items"):
        if isinstance(opened.get(key), dict):
            opened[key] = _value(opened[key])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in opened:
            opened[key] = [_open(one) for one in opened[key]]
    if "prefixItems" in opened:
        opened["prefixItems"] = [_value(one) for one in opened["prefixItems"]]
    return opened


def _value(schema: Schema) -> Schema:
    """Return a schema that also accepts a reference, unless it already does."""
    opened = _open(schema)
    if not schema or KIND_MARK in schema:
        return opened
    notes = {key: opened.pop(key) for key in ("description", "default") if key in opened}
    members: Iterable[Schema] = [opened] if set(opened) != {"anyOf"} else opened["anyOf"]
    return {**notes, "anyOf": [*members, {"$ref": _pointer("reference")}]}
