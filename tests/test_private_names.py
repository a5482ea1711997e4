"""Private names of other packages are used in one file per package, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in ("registry", "core", "plugins", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
HOMES = {
    ROOT / "core/common/filelock_private.py",
    ROOT / "core/common/torch_private.py",
    ROOT / "core/data/albumentations_private.py",
    ROOT / "core/engine/accelerate_private.py",
}
PUBLIC = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Documented names: members of named tuples, and a function of ``os``."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that one of our files defines: functions, classes, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def foreign_private_names(tree: ast.AST, own: set[str]) -> Iterator[str]:
    """Yield the private names in a file that none of our files defines."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            names = [n.value for n in node.args if isinstance(n, ast.Constant)]
        yield from (
            f"{getattr(node, 'lineno', 0)}: {name}"
            for name in names
            if isinstance(name, str) and is_private(name) and name not in own | PUBLIC
        )


def trees() -> dict[Path, ast.AST]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


@pytest.mark.slow
def test_foreign_private_names_occur_only_in_their_files() -> None:
    found = trees()
    own = {name for tree in found.values() for name in own_names(tree)}
    own |= {path.stem for path in FILES}
    wrong = {
        f"{path.relative_to(ROOT)}:{name}"
        for path, tree in found.items()
        if path not in HOMES
        for name in foreign_private_names(tree, own)
    }
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "torch._assert_async(x)",
        "from torch.utils._pytree import tree_leaves",
        "from torch.nn.modules.batchnorm import _BatchNorm",
        "import torch._dynamo",
        "getattr(module, '_forward_hooks', None)",
        "AcceleratorState._shared_state.clear()",
    ],
)
def test_a_private_name_is_found(line) -> None:
    assert list(foreign_private_names(ast.parse(line), set()))


def test_each_file_of_private_names_has_tests() -> None:
    for home in HOMES:
        mirrored = ROOT / "tests" / home.relative_to(ROOT).with_name(f"test_{home.name}")
        assert mirrored.is_file()
