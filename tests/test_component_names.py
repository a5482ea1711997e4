"""Core asks for no component by its name: only docstrings, help and examples have names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel import plugins
from pluxel.registry import KINDS, Host

CORE = Path(__file__).parents[1] / "core"
WORDS = {
    "calibration",
    "concat",
    "focal",
    "folder",
    "per_image",
    "precision",
    "semantic",
    "shapes",
    "table",
}
"""Names of components that mean other things as well; of these, only ``pluxel/NAME`` counts."""
ALLOWED = {
    ("embeddings/_export.py", "glove"): "a file format",
    ("embeddings/_export.py", "word2vec"): "a file format",
    ("cli/embeddings.py", "glove"): "a file format, and an example in the help",
    ("cli/embeddings.py", "word2vec"): "a file format, and an example in the help",
    ("authoring/blocks.py", "linear"): "a kind of interpolation",
    ("cli/_words.py", "glove"): "an example in the help",
    ("common/parts.py", "timm"): "a package",
    ("conformance/_fresh.py", "timm"): "a package",
    ("engine/session_log.py", "timm"): "a package",
    ("geometry/tracing/_operations.py", "linear"): "an operation of PyTorch's",
    ("geometry/tracing/_results.py", "linear"): "an operation of PyTorch's",
    ("engine/titles.py", "dice"): "a name that titles capitalize",
}
PUBLISHED = "engine/importing/"
"""The room that writes runs of published networks, which consist of certain components."""


def names() -> set[str]:
    host = Host(plugins=[plugins])
    return {one.name for kind in KINDS for one in host.components(kind)}


def strings(code: ast.Module) -> Iterator[str]:
    """Yield the string literals of a module but its docstrings, and other strings on their own."""
    documentation = {id(node.value) for node in ast.walk(code) if isinstance(node, ast.Expr)}
    for node in ast.walk(code):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield str(node.value)


def named(code: ast.Module, components: set[str]) -> set[str]:
    """Return the components that the strings of a module name."""
    alone = re.compile(rf"(?<![\w.-])(?:{'|'.join(sorted(components - WORDS))})(?![\w.-])")
    qualified = re.compile(rf"(?<=pluxel/)(?:{'|'.join(sorted(components))})\b")
    texts = [*strings(code)]
    return {name for text in texts for one in (alone, qualified) for name in one.findall(text)}


def test_no_file_of_the_core_names_a_component() -> None:
    components = names()
    found = {
        (path.relative_to(CORE).as_posix(), name)
        for path in sorted(CORE.rglob("*.py"))
        if not path.relative_to(CORE).as_posix().startswith(PUBLISHED)
        for name in named(ast.parse(path.read_text(encoding="utf-8")), components)
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("host.get('backbone', 'pluxel/alexnet')", "alexnet"),
        ("section = {'type': 'atrous'}", "atrous"),
        ("x = f'type: pluxel/folder, root: {root}'", "folder"),
        ("raise PluxelError('choose semantic_projection')", "semantic_projection"),
    ],
)
def test_a_name_is_found(line: str, name: str) -> None:
    assert named(ast.parse(line), names()) == {name}


def test_a_docstring_may_give_an_example() -> None:
    assert named(ast.parse('def f():\n    """Such as vgg16."""\n'), names()) == set()
