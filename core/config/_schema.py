"""Generate a JSON Schema of configuration files for editors, with all installed components.

The schema covers pipelines, in the short and the long form, and word vectors. It accepts what
``load_config`` accepts, and refuses the same keys, types, ranges and names. A file with a base may
lack what the base supplies, and one with ``training.phases`` what every phase supplies, so each
section has two definitions: the complete one, and one without required keys, whose name begins with
``partial.``.

The schema cannot follow references: it accepts ``${…}`` for any value. Neither does it know which
whole numbers are written with a point, because JSON does not distinguish 4 from 4.0.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import PydanticJsonSchemaWarning

from ...registry import KINDS, Component, Host, PluxelError
from ..contracts.signature import read_signature
from ._json_schema import Schema, StrictSchema, either, notes_of, pointer, titled
from .sections.choice import CHOICE_MARK
from .sections.embedding import OWN, EmbeddingConfig
from .sections.factory import KIND_MARK
from .sections.network import HeadConfig, StreamConfig
from .sections.pipeline import PipelineConfig
from .sections.section import COMPLETE
from .tree.files import shipped
from .tree.paths import SHORT

_REFERENCE: Schema = {
    "description": "A reference, '${key.path}' or '${env:NAME}'.",
    "type": "string",
    "pattern": r"\$\{",
}
_NULL: Schema = {"type": "null"}
"""null clears the value of a base; the default applies."""

_BASES: Schema = {"anyOf": [{"enum": [*shipped()]}, {"type": "string"}]}
"""Editors offer the names of shipped files; any path is allowed."""

_BASE: Schema = {
    "description": "Base files that this file overrides: relative paths or names of shipped files.",
    "anyOf": [*_BASES["anyOf"], {"type": "array", "items": _BASES}, _NULL],
}
_HAS_BASE: Schema = {
    "required": ["base"],
    "properties": {"base": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}},
}
_HAS_PHASES: Schema = {
    "required": ["training"],
    "properties": {
        "training": {
            "type": "object",
            "required": ["phases"],
            "properties": {"phases": {"type": "array", "minItems": 1}},
        }
    },
}
_ENOUGH: Schema = {
    "required": ["dataset"],
    "allOf": [
        {"anyOf": [{"required": ["backbone"]}, {"required": ["streams"]}]},
        {"anyOf": [{"required": ["decoder", "loss"]}, {"required": ["heads"]}]},
    ],
}
_ONE_FORM = [{"not": {"required": [key, long[0]]}} for key, long in SHORT.items()]
"""A file writes one section in one form only."""

_PARTIAL = "partial."


def config_schema(host: Host) -> Schema:
    """Return a JSON Schema (draft 2020-12) for the components installed in ``host``.

    A component that cannot be imported is listed without its parameters.
    """
    definitions: Schema = {"reference": _REFERENCE}
    pipelines, words = [], []
    for complete in (True, False):
        writer = _Writer(host, definitions, complete=complete)
        pipelines.append(writer.pipeline())
        words.append(writer.words())
        writer.kinds()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Pluxel configuration, written by 'pluxel config schema'.",
        "if": {"anyOf": [{"required": [key]} for key in sorted(OWN)]},
        "then": _by_base(*words),
        "else": _by_base(*pipelines),
        "$defs": definitions,
    }


def component_schema(host: Host, kind: str, component: Component) -> tuple[Schema, Schema]:
    """Return the schema of a component in a file with a base, and the definitions that it needs.

    Without ``properties`` if it cannot be imported.
    """
    definitions: Schema = {}
    writer = _Writer(host, definitions, complete=False)
    return writer.component(kind, component), definitions


def _by_base(complete: Schema, partial: Schema) -> Schema:
    return {"if": {"anyOf": [_HAS_BASE, _HAS_PHASES]}, "then": partial, "else": complete}


class _Alternative(NamedTuple):
    """What a name stands for."""

    spellings: list[str]
    summary: str
    pointer: str
    """The definition of the parameters."""


class _Writer:
    """Writes the definitions of complete files, or of files with a base."""

    def __init__(self, host: Host, definitions: Schema, *, complete: bool) -> None:
        self._host = host
        self._definitions = definitions
        self._complete = complete
        self._prefix = "" if complete else _PARTIAL

    def pipeline(self) -> Schema:
        """Return the schema of a pipeline, in the short and the long form."""
        pipeline = self._describe(PipelineConfig)
        sections = [self._definitions[self._prefix + one.__name__] for one in _SECTIONS]
        written = {k: v for section in sections for k, v in section["properties"].items()}
        pipeline["properties"] |= {"base": _BASE} | {key: written[key] for key in SHORT}
        pipeline.pop("required", None)
        pipeline["allOf"] = [*_ONE_FORM, *([_ENOUGH] if self._complete else [])]
        return pipeline

    def words(self) -> Schema:
        """Return the schema of word vectors."""
        words = self._describe(EmbeddingConfig)
        words["properties"] |= {"base": _BASE}
        return words

    def kinds(self) -> None:
        """Define each kind and each of its components."""
        for kind in KINDS:
            named = []
            for component in self._host.components(kind):
                key = self._key(kind, component)
                self._definitions[key] = self.component(kind, component)
                spellings = _spellings(kind, component, self._host)
                named.append(_Alternative(spellings, component.summary, pointer(key)))
            description = f"The name of a {kind}, or a mapping with its 'type' and its parameters."
            self._definitions[self._prefix + kind] = {
                "description": description,
                **self._named(named),
            }

    def _named(self, named: list[_Alternative], default: str | None = None) -> Schema:
        """Return the schema of a name or a mapping with ``type``.

        ``default``: a pointer to the parameters of a mapping without ``type``, which is then
        optional.
        """
        names = {one.spellings[0]: one.summary for one in named}
        enum: Schema = {"enum": [*names], "enumDescriptions": [*names.values()]}
        # Editors complete a list of values, but not a pattern: they offer each component once.
        # Of the characters of names, only the point of a file name has a meaning in patterns.
        others = [name.replace(".", r"\.") for one in named for name in one.spellings[1:]]
        more: list[Schema] = []
        if others:
            more = [{"type": "string", "pattern": f"^({'|'.join(others)})$"}]
        word: Schema = {"anyOf": [enum, *more, {"$ref": pointer("reference")}]}
        optional = default is not None or not self._complete
        mapping: Schema = {"properties": {"type": self._optional(word) if optional else word}}
        if not optional:
            mapping["required"] = ["type"]
        branches = [
            {
                "if": {"properties": {"type": {"enum": one.spellings}}, "required": ["type"]},
                "then": {"$ref": one.pointer},
            }
            for one in named
        ]
        if optional and named:  # without a base, the default; else any, which the base names
            unnamed = {"properties": {"type": _NULL}}
            pointers = [default] if default and self._complete else [one.pointer for one in named]
            branches.append({"if": unnamed, "then": {"anyOf": [{"$ref": p} for p in pointers]}})
        if branches:
            mapping["allOf"] = branches
        # Editors complete an empty value from `anyOf`, but not from `else`; errors in a mapping are
        # clearer without the alternatives.
        either_form = [*word["anyOf"], {"type": "object"}]
        return {"anyOf": either_form, "if": {"type": "object"}, "then": mapping}

    def _key(self, kind: str, component: Component) -> str:
        return f"{self._prefix}{kind}.{component.provider}.{component.name}"

    def component(self, kind: str, component: Component) -> Schema:
        """Return the schema of a component; without parameters if it cannot be imported."""
        try:
            signature = read_signature(kind, component, self._host.load(component))
            described = self._describe(signature.parameters, f"{self._key(kind, component)}.")
        except PluxelError as error:
            return {"description": component.summary, "$comment": error.message}
        except Exception as error:  # noqa: BLE001 - pydantic raises various errors for types that JSON lacks
            return {"description": component.summary, "$comment": f"not described: {error}"}
        properties = {"type": {"description": component.summary}, **described.get("properties", {})}
        renamed = {*signature.renamed.values()}
        required = [name for name in described.get("required", []) if name not in renamed]
        for old, name in signature.renamed.items():
            former = {"deprecated": True, "description": f"The former name of '{name}'."}
            properties[old] = {**properties[name], **former}
        return {
            "title": f"{kind} {component.name}",
            "description": component.summary,
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "required": required,
        }

    def _describe(self, model: type[BaseModel], prefix: str | None = None) -> Schema:
        """Return the schema of a model; define what it refers to under ``prefix``."""
        prefix = self._prefix if prefix is None else prefix
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults that JSON lacks
            schema = model.model_json_schema(
                ref_template=pointer(prefix + "{model}"), schema_generator=StrictSchema
            )
        for name, definition in schema.pop("$defs", {}).items():
            self._definitions[prefix + name] = {
                "title": titled(definition.get("title", name)),
                **self._open(definition),
            }
        return self._open(schema)

    def _open(self, schema: Schema) -> Schema:
        """Return a schema that allows a reference for any value."""
        if KIND_MARK in schema:
            return {"$ref": pointer(self._prefix + schema[KIND_MARK]), **notes_of(schema)}
        if CHOICE_MARK in schema:
            return {**self._choice(schema), **notes_of(schema)}
        opened = {k: v for k, v in schema.items() if k not in ("title", "required", COMPLETE)}
        required = schema.get("required", []) if self._complete else []
        if required:
            opened["required"] = required
        if self._complete and COMPLETE in schema:
            opened["allOf"] = schema[COMPLETE]
        if "$ref" in opened:
            opened.pop("default", None)  # the definition lists its own defaults
        if "properties" in opened:
            # Before pydantic 2.14, the schema of a dataclass allows keys that validation rejects.
            opened.setdefault("additionalProperties", False)
            opened["properties"] = {
                key: self._value(value) if key in required else self._optional(self._value(value))
                for key, value in opened["properties"].items()
            }
        self._open_items(opened)
        return opened

    def _open_items(self, opened: Schema) -> None:
        values = opened.get("additionalProperties")
        if isinstance(values, dict):  # a null is dropped, so a mapping that needs values has none
            value = self._value(values)
            is_needed = "minProperties" in opened
            opened["additionalProperties"] = value if is_needed else self._optional(value)
        if isinstance(opened.get("items"), dict):
            opened["items"] = self._value(opened["items"])
        for key in ("anyOf", "oneOf"):
            if key in opened:
                opened[key] = [self._open(one) for one in opened[key]]
        if "prefixItems" in opened:
            opened["prefixItems"] = [self._value(one) for one in opened["prefixItems"]]

    def _choice(self, schema: Schema) -> Schema:
        """Return the schema of an optimizer or a schedule."""
        default = schema[CHOICE_MARK]
        names, *models = schema["anyOf"]
        pointers = [model["$ref"] for model in models]
        named = [
            _Alternative([n], "", pointer)
            for n, pointer in zip(names["enum"], pointers, strict=True)
        ]
        return self._named(named, pointers[names["enum"].index(default)])

    def _value(self, schema: Schema) -> Schema:
        """Return a schema that also accepts a reference, unless it already does."""
        opened = self._open(schema)
        if not schema or KIND_MARK in schema or CHOICE_MARK in schema:
            return opened
        return either(opened, {"$ref": pointer("reference")})

    def _optional(self, opened: Schema) -> Schema:
        """Return a schema that also accepts null."""
        return either(opened, _NULL) if opened else opened


_SECTIONS = (StreamConfig, HeadConfig)


def _spellings(kind: str, component: Component, host: Host) -> list[str]:
    """Return every name that unambiguously refers to this component."""
    bare = [name for name in component.answers_to if len(host.owners(kind, name)) == 1]
    return [*bare, *(f"{component.provider}/{name}" for name in component.answers_to)]
