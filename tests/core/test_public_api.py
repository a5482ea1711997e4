"""The names that plugins and scripts may rely on."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pluxel
import pluxel.core
import pluxel.registry
import pytest

LAZY = [pluxel, pluxel.core]
NAMES = [
    (module.__name__, name)
    for module in [pluxel, pluxel.core, pluxel.registry]
    for name in module.__all__
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_resolves(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize("module", LAZY)
def test_what_runs_and_what_a_type_checker_reads_are_the_same(module: object) -> None:
    homes = vars(module)["_HOMES"]
    assert set(vars(module)["__all__"]) - {"__version__"} == set(homes)
    tree = ast.parse(Path(vars(module)["__file__"]).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        name.name: f".{node.module}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert typed == homes


@pytest.mark.parametrize("module", LAZY)
def test_an_unknown_name(module: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


def test_names_are_offered_for_completion() -> None:
    assert {"Pipeline", "Host", "__version__"} <= set(dir(pluxel))
    assert {"Grid", "Factory"} <= set(dir(pluxel.core))
