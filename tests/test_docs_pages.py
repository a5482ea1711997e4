"""The pages cover everything that users and plugin authors meet, and generated ones are fresh."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pluxel.core
import pluxel.plugins
import pytest
from pluxel.core.cli._main import cli
from pluxel.registry import KINDS, Host, PluxelError, hookspecs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ROOMS = [
    room
    for room in (
        *("pluxel", "pluxel.core", "pluxel.core.authoring", "pluxel.core.conformance"),
        "pluxel.registry",
    )
    if importlib.util.find_spec(room)
]


def text_of(*names: str) -> str:
    return "\n".join((DOCS / name).read_text(encoding="utf-8") for name in names)


def test_generated_pages_are_fresh(tmp_path: Path) -> None:
    command = [sys.executable, "docs/reference.py", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")]
    assert len(written) > 10
    for path in written:
        fresh, committed = ((one / path).read_text("utf-8") for one in (tmp_path, ROOT))
        if path.suffix == ".json":  # numbers may be written as 0 or 0.0
            fresh, committed = json.loads(fresh), json.loads(committed)
        assert fresh == committed, f"{path} is outdated: run make reference"
    generated = {path.name for path in written if path.parent.name == "reference"}
    assert generated == {path.name for path in (DOCS / "reference").iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_is_on_the_page_of_its_kind(kind: str) -> None:
    headings = re.findall(r"^### `(\w+)`$", text_of(f"reference/{kind}.md"), re.MULTILINE)
    components = Host(allow=["pluxel"]).components(kind)
    assert headings == [component.name for component in components]


def test_every_command_is_in_the_reference() -> None:
    headings = re.findall(r"^## (pluxel.*)$", text_of("reference/commands.md"), re.MULTILINE)
    # With its settings: a command keeps the names of its help option from its first context.
    context = click.Context(cli, info_name="pluxel", **cli.context_settings)
    assert headings == [*command_paths(context)]
    assert len(headings) > 25


def command_paths(context: click.Context) -> Iterator[str]:
    yield context.command_path
    if isinstance(group := context.command, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            yield from command_paths(click.Context(command, info_name=name, parent=context))


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_in_the_reference(room: str) -> None:
    page = text_of(f"reference/{room.replace('.', '_')}.md")
    listed = re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE)
    assert sorted(listed) == sorted(importlib.import_module(room).__all__)


def test_every_hook_is_explained() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("pluxel_")]
    assert len(hooks) >= len(KINDS)
    headings = re.findall(r"^### (pluxel_\w+)", text_of("hooks.md"), re.MULTILINE)
    assert sorted(headings) == sorted(hooks)


TROUBLES = text_of("troubleshooting.md")


def error_families() -> Iterator[type[PluxelError]]:
    for room in (pluxel.core, pluxel.plugins):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if "._top" not in module.name:
                importlib.import_module(module.name)
    pending = [PluxelError]
    while pending:
        for family in pending.pop().__subclasses__():
            pending.append(family)
            if family.__module__.startswith("pluxel.") and not family.__name__.startswith("_"):
                yield family


def test_every_family_of_errors_has_a_remedy() -> None:
    families = {family.__name__ for family in error_families()}
    assert len(families) > 20
    assert {name for name in families if f"`{name}`" not in TROUBLES} == set()


@cache
def texts_in_code() -> str:
    """Return every string of the code; `…` stands for the values in it."""
    found = []
    for path in (p for room in ("core", "registry") for p in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def parts_in_code(message: str) -> list[str]:
    """Return the parts of a message between its values that no string of the code contains."""
    parts = (part.strip() for part in re.split(r"…|'[^']*'|\bdecoder\b", message))
    return [part for part in parts if part not in texts_in_code()]


MESSAGES = re.findall(r"^\| .*$", TROUBLES, re.MULTILINE)


def test_the_messages_of_troubleshooting_are_in_the_code() -> None:
    firsts = [line.split(" | ")[0] for line in MESSAGES]
    spans = [span for first in firsts for span in re.findall(r"`([^`]* [^`]*)`", first)]
    assert len(spans) > 15
    assert [span for span in spans if parts_in_code(span)] == []


def test_a_wrong_message_is_found() -> None:
    assert parts_in_code("stopped after … and lost the state; …") == ["and lost the state;"]


def test_the_glossary_is_sorted() -> None:
    words = re.findall(r"^\| (?!word|-)(.+?) \|", text_of("glossary.md"), re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(words, key=str.lower)
