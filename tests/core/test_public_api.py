"""The names that plugins and scripts may rely on."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pluxel
import pluxel.core
import pluxel.core.authoring
import pluxel.registry
import pytest

LAZY = [pluxel, pluxel.core, pluxel.core.authoring]
NAMES = [(module.__name__, name) for module in [*LAZY, pluxel.registry] for name in module.__all__]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_resolves(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


def offered(module: ModuleType) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return (home, name) as a type checker reads them, and as they are imported."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        ("." * node.level + str(node.module), name.name)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname == name.name  # a checker takes no other for an export
    }
    homes = next(node for node in ast.walk(guarded) if isinstance(node, ast.Dict))
    listed = ast.literal_eval(homes)
    return typed, {(home, name) for home, names in listed.items() for name in names}


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_what_runs_and_what_a_type_checker_reads_are_the_same(module: ModuleType) -> None:
    typed, listed = offered(module)
    assert typed == listed
    assert sorted(name for _, name in listed) == module.__all__


def test_a_name_has_one_public_home() -> None:
    assert not {*pluxel.core.__all__} & {*pluxel.core.authoring.__all__}


@pytest.mark.parametrize("module", LAZY)
def test_an_unknown_name(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


def test_names_are_offered_for_completion() -> None:
    assert {"Pipeline", "Host", "__version__"} <= set(dir(pluxel))
    assert {"Grid", "Factory"} <= set(dir(pluxel.core))
    assert {"PretrainedBackbone", "StoreWriter"} <= set(dir(pluxel.core.authoring))


def imported_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh process has imported after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    return {*subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()}


def test_importing_the_public_rooms_is_light() -> None:
    heavy = {"torch", "numpy", "pydantic", "albumentations", "timm"}
    assert not heavy & imported_by("import pluxel, pluxel.core, pluxel.core.authoring")
    assert "torch" in imported_by("from pluxel.core.authoring import SegmentationLoss")
