"""The names that plugins and scripts may rely on."""

from __future__ import annotations

import importlib
import math
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import Any

import pluxel
import pluxel.core
import pluxel.core.authoring
import pluxel.registry
import pytest
from pluxel.core.contracts.table import CONTRACTS

LAZY = [pluxel, pluxel.core, pluxel.core.authoring]
NAMES = [(module.__name__, name) for module in [*LAZY, pluxel.registry] for name in module.__all__]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_resolves(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


def test_every_protocol_of_a_contract_is_public() -> None:
    """docs/write_a_plugin.md says where."""
    for contract in CONTRACTS.values():
        assert contract.required.__name__ in pluxel.core.__all__
        assert {one.__name__ for one in contract.optional} <= {*pluxel.core.authoring.__all__}


PACKAGE = """
from typing import TYPE_CHECKING

from pluxel.core.common.exports import exports

if TYPE_CHECKING:
    from math import pi as pi

    from .inner import deep as deep
else:
    __getattr__, __dir__ = exports(__name__)
"""


@pytest.mark.parametrize("has_source", [True, False])
def test_public_names_are_those_imported_for_type_checkers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_source: bool
) -> None:
    folder = tmp_path / "offering"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "inner.py").write_text("deep, private = 1, 2")
    if not has_source:  # as in a frozen program
        for file in folder.glob("*.py"):
            py_compile.compile(str(file), str(file.with_suffix(".pyc")))
            file.unlink()
    monkeypatch.delitem(sys.modules, "offering", raising=False)
    monkeypatch.delitem(sys.modules, "offering.inner", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("offering")
    assert package.__all__ == ["deep", "pi"]
    assert "offering.inner" not in sys.modules
    assert (package.deep, package.pi) == (1, math.pi)
    with pytest.raises(AttributeError, match="has no attribute 'private'"):
        package.private  # noqa: B018


def test_a_name_has_one_public_home() -> None:
    assert not {*pluxel.core.__all__} & {*pluxel.core.authoring.__all__}


@pytest.mark.parametrize("module", LAZY)
def test_an_unknown_name(module: Any) -> None:
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


@pytest.mark.slow
def test_importing_the_public_rooms_is_light() -> None:
    heavy = {"torch", "numpy", "pydantic", "albumentations", "timm"}
    assert not heavy & imported_by("import pluxel, pluxel.core, pluxel.core.authoring")
    assert "torch" in imported_by("from pluxel.core.authoring import SegmentationLoss")
