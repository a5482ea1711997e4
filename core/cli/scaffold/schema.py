"""Give editors a JSON Schema beside the configurations that Pluxel writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ....registry import Host
from ...common.files import write_text

SCHEMA = "pluxel.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}"
"""The comment by which a YAML file names the schema beside it."""


def with_modeline(text: str) -> str:
    """Return a configuration that names the schema beside it, below the comments at its start."""
    lines = text.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "".join([*lines[:first], f"{MODELINE}\n", *lines[first:]])


def write_schema(folder: Path, host: Host) -> Path | None:
    """Write the schema of all installed components into ``folder``; return None if it has one."""
    path = folder / SCHEMA
    if path.exists():
        return None
    write_text(path, schema_text(host))
    return path


def schema_text(host: Host) -> str:
    """Return the schema; without other plugins, that is the shipped one, which imports nothing."""
    if {*host.providers} == {"pluxel"}:
        return (files("pluxel.configs") / SCHEMA).read_text(encoding="utf-8")
    from ...config._json_schema import as_text
    from ...config._schema import config_schema

    return as_text(config_schema(host))
