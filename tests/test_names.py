"""Each class name stands for one thing, and words follow the glossary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("registry", "core", "plugins")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

FORBIDDEN_IDENTIFIERS = re.compile(
    "settle|breach|raref|draw_blueprint|^_?(look|look_at|judge|go_on|tell|told|said|meant)$|^_note$"
)
BRITISH = re.compile(
    "colour|normalis|neighbour|behaviour|licence|grey|centre|favour|optimis|initialis|serialis"
    "|analys(e|ing)|modelling|labelled|cancelled",
    re.IGNORECASE,
)
QUOTED = {
    "core/geometry/dilation/__init__.py": "rarefaction",  # the paper's word for dilation
    "core/embeddings/class_names.py": "unlabelled",  # a name that classes of datasets have
}
"""Words of others, each in the one file that quotes it."""


def definitions(sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name, without ``_``, and place of every top-level class and type alias."""
    for path, text in sources.items():
        for node in ast.parse(text).body:
            targets: list[ast.expr] = []
            if isinstance(node, ast.ClassDef):
                yield node.name.lstrip("_"), f"{path}:{node.lineno}"
            elif isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                name = target.id.lstrip("_") if isinstance(target, ast.Name) else ""
                if name[:1].isupper() and not name.isupper():
                    yield name, f"{path}:{node.lineno}"


def defined_twice(sources: Mapping[str, str]) -> list[str]:
    """Return the names with several definitions, each with its places."""
    places: dict[str, list[str]] = {}
    for name, place in definitions(sources):
        places.setdefault(name, []).append(place)
    return [f"{name}: {', '.join(found)}" for name, found in places.items() if len(found) > 1]


def identifiers(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything that a file defines or assigns."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def outside_the_glossary(sources: Mapping[str, str]) -> list[str]:
    """Return the places of forbidden identifiers, British spellings and "IU"."""
    found = []
    for path, text in sources.items():
        found += [
            f"{path}:{line}: {name}"
            for line, name in identifiers(text)
            if FORBIDDEN_IDENTIFIERS.search(name)
        ]
        for number, line in enumerate(text.splitlines(), start=1):
            rest = line.replace(QUOTED.get(path, "\n"), "")
            words = [*BRITISH.finditer(rest), *re.finditer(r"\bIU\b|rarefaction", rest)]
            found += [f"{path}:{number}: {word[0]}" for word in words]
    return found


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES}


def test_class_names_are_unique(sources: dict[str, str]) -> None:
    assert defined_twice(sources) == []


def test_code_uses_the_words_of_the_glossary(sources: dict[str, str]) -> None:
    assert outside_the_glossary(sources) == []


def test_quoted_words_exist(sources: dict[str, str]) -> None:
    for path, word in QUOTED.items():
        assert word in sources[path]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class Size: ...", "class Size: ..."),
        ("class Size: ...", "Size = tuple[int, int]"),
        ("class _Size: ...", "Size: TypeAlias = int"),
    ],
)
def test_a_second_definition_is_found(one: str, other: str) -> None:
    assert defined_twice({"a.py": one, "b.py": f"LIMIT = 3\n{other}"}) == ["Size: a.py:1, b.py:2"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def settle(): ...", "settle"),
        ("class A:\n    def _judge(self): ...", "_judge"),
        ("told = 3", "told"),
        ("def f(rarefied): ...", "rarefied"),
        ("self.settled = 3", "settled"),
        ('KEYS = {"colour": 3}', "colour"),
        ("# the neighbours", "neighbour"),
        ('"""Mean IU."""', "IU"),
    ],
)
def test_a_forbidden_word_is_found(text: str, word: str) -> None:
    (found,) = outside_the_glossary({"a.py": text})
    assert found.endswith(f": {word}")
