"""The keys and values of overrides, read from the shipped JSON Schema.

It lacks the components of plugins: one that a configuration names is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...registry import KINDS, Host
from ..config.tree.files import find_file, read_text
from ..config.tree.nodes import Location, plain
from ..config.tree.parse import parse
from ..config.tree.problems import Problems

SchemaNode = Mapping[str, Any]
"""A part of a JSON Schema."""

_DEEPEST = 8
"""Files that a base may lead to."""


class KnownKeys:
    """The keys that a configuration may have. ``written``: what it writes, which may be partial."""

    def __init__(self, written: Mapping[str, Any], host: Host) -> None:
        text = (files("pluxel.configs") / "pluxel.schema.json").read_text(encoding="utf-8")
        schema = json.loads(text)
        self._definitions = schema["$defs"]
        words = "embedding" in written
        self._root = schema["then" if words else "else"]["then"]  # the keys of a file with a base
        self._written = written
        self._host = host

    def below(self, key: str) -> Iterator[str]:
        """Yield what may follow a key: ``KEY.name=`` for values, ``KEY.name.`` for sections."""
        prefix = f"{key}." if key else ""
        for node, written in self._at(key):
            for name, child in self._children(node, written).items():
                if child.get("doNotSuggest") or (not key and name == "base"):
                    continue  # only runs write it; only files have it
                if name == "type" or self._takes_value(child):
                    yield f"{prefix}{name}="
                inside = written.get(name) if isinstance(written, Mapping) else None
                if self._children(child, inside):
                    yield f"{prefix}{name}."

    def values_at(self, key: str) -> Iterator[str]:
        """Yield the values that a key accepts, if they are known."""
        for node, _ in self._at(key):
            for one in self._alternatives(node):
                values = [True, False] if one.get("type") == "boolean" else one.get("enum", ())
                yield from (
                    value if isinstance(value, str) else json.dumps(value) for value in values
                )

    def kinds_at(self, key: str) -> set[str]:
        """Return the kinds of the components that a key may name."""
        parent, _, name = key.rpartition(".")
        found = {kind for node, _ in self._at(key) for kind in self._kinds(node)}
        if name == "type":
            found |= {kind for node, _ in self._at(parent) for kind in self._kinds(node)}
        return found

    def _at(self, key: str) -> Sequence[tuple[SchemaNode, Any]]:
        """Return the schema of a key, and what is written there; nothing for an unknown key."""
        node, written = self._root, self._written
        for name in key.split(".") if key else ():
            child = self._children(node, written).get(name)
            if child is None:
                return ()
            node, written = child, written.get(name) if isinstance(written, Mapping) else None
        return ((node, written),)

    def _children(self, node: SchemaNode, written: Any) -> dict[str, SchemaNode]:
        """Return key -> schema. A component has the parameters of the written type, or of all."""
        name = written.get("type") if isinstance(written, Mapping) else written
        found: dict[str, SchemaNode] = {}
        for one in self._alternatives(node):
            found |= one.get("properties", {})
            values = one.get("additionalProperties")
            if isinstance(values, Mapping) and isinstance(written, Mapping):
                found |= dict.fromkeys(written, values)  # the names of streams and heads
            mapping = one.get("then", {}) if one.get("if") == {"type": "object"} else {}
            branches = [b for b in mapping.get("allOf", ()) if "$ref" in b["then"]]
            named = [b for b in branches if name in b["if"]["properties"]["type"]["enum"]]
            if not named and (schema := self._of_plugin(node, name)):
                found |= schema["properties"]
                branches = []
            for branch in named or branches:
                found |= self._children(branch["then"], None)
            found |= mapping.get("properties", {})  # type: any of the names
        return found

    def _of_plugin(self, node: SchemaNode, name: Any) -> SchemaNode:
        """Return the schema of a component that Pluxel does not have; empty if there is none."""
        kinds = {*self._kinds(node)} if isinstance(name, str) else ()
        owners = [(kind, one) for kind in kinds for one in self._host.owners(kind, name)]
        if len(owners) != 1:
            return {}
        from ..config._schema import component_schema

        schema, definitions = component_schema(self._host, *owners[0])
        self._definitions |= definitions
        return schema if "properties" in schema else {}

    def _alternatives(self, node: SchemaNode) -> Iterator[SchemaNode]:
        """Yield a schema and all that it refers to."""
        yield node
        if "$ref" in node:
            yield from self._alternatives(self._definitions[node["$ref"].rpartition("/")[2]])
        for one in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            yield from self._alternatives(one)

    def _kinds(self, node: SchemaNode) -> Iterator[str]:
        for one in self._alternatives(node):
            name = one.get("$ref", "").rpartition("/")[2].removeprefix("partial.")
            if name in KINDS:
                yield name

    def _takes_value(self, node: SchemaNode) -> bool:
        plain_types = {"string", "integer", "number", "boolean", "array"}
        return any(
            "enum" in one or one.get("type") in plain_types
            for one in self._alternatives(node)
            if one is not self._definitions["reference"]
        )


def read_written(config: str, overrides: Sequence[str]) -> Mapping[str, Any]:
    """Return what a configuration, its bases and overrides write; files with mistakes count less.

    ``config``: a file, the name of a shipped one, a run, or empty.
    """
    written: dict[str, Any] = {}
    path = Path(config)
    if config:
        written = _read(str(path / "config.yaml") if path.is_dir() else config, Path(), 0)
    for override in overrides:
        key, equals, value = override.partition("=")
        if equals:
            *parents, name = key.split(".")
            inner: Any = {name: value}
            for parent in reversed(parents):
                inner = {parent: inner}
            written = _merged(written, inner)
    return written


def _read(name: str, folder: Path, depth: int) -> dict[str, Any]:
    path = find_file(name, folder)
    tree = parse(read_text(path), lambda line, column: Location(name, line, column), Problems())
    own = plain(tree) if tree else None
    if not isinstance(own, dict):
        return {}
    bases = own.pop("base", None) or []
    merged: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        if depth < _DEEPEST:
            merged = _merged(merged, _read(str(base), path.parent, depth + 1))
    return _merged(merged, own)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        old = {"type": old} if isinstance(old, str) else old  # the short form
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged
