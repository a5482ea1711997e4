"""Parsing YAML: locations, and errors."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.config.tree.nodes import (
    ListNode,
    Location,
    MapNode,
    Node,
    ScalarNode,
    key_location,
    plain,
)
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems


def at(line: int, column: int) -> Location:
    return Location("f", line + 1, column + 1)


def read(text: str) -> Node:
    problems = Problems()
    node = parse(text, at, problems)
    problems.stop_if_any()
    assert node
    return node


def complaint(text: str) -> str:
    problems = Problems()
    parse(text, at, problems)
    with pytest.raises(ConfigError) as caught:
        problems.stop_if_any()
    return str(caught.value)


def test_every_key_and_value_has_a_location() -> None:
    tree = read("a: 1\nb:\n  - x\n  - {c: 2}\n")
    assert plain(tree) == {"a": 1, "b": ["x", {"c": 2}]}
    assert isinstance(tree, MapNode)
    listed = tree.get("b")
    assert isinstance(listed, ListNode)
    assert str(tree.get("a").location) == "f:1:4"  # pyright: ignore[reportOptionalMemberAccess]
    assert str(listed.items[0].location) == "f:3:5"
    assert str(key_location(tree, ["b", 1, "c"])) == "f:4:6"
    assert key_location(tree, ["b", 1, "d"]) is None
    assert key_location(tree, ["x", "y"]) is None


def test_keys_become_strings() -> None:
    text = "0: sky\n0x10: tree\nyes: 1\ntrue: 2\n'3': x\n\"<<\": y\n1.50: z\n"
    assert list(plain(read(text))) == ["0", "16", "yes", "true", "3", "<<", "1.50"]


def test_quoted_scalars_are_text() -> None:
    assert plain(read("a: '1'\nb: \"off\"\nc: ! 5\nd: |\n  1e-4\n")) == {
        "a": "1",
        "b": "off",
        "c": "5",
        "d": "1e-4\n",
    }


def test_a_scalar_keeps_its_source_text() -> None:
    node = read("1e-4")
    assert isinstance(node, ScalarNode)
    assert (node.value, node.text) == (1e-4, "1e-4")


def test_aliases_repeat_their_anchors() -> None:
    assert plain(read("a: &x {b: [1, 2]}\nc: *x\nd: &k key\n*k : 1\n")) == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": "key",
        "key": 1,
    }


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null", "%YAML 1.2\n---\n"])
def test_an_empty_document_is_null(text: str) -> None:
    assert plain(read(text)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3:1: key 'a' is given twice: first at f:1:1"),
        ("{a: 1, a: 2}", "f:1:8: key 'a' is given twice: first at f:1:2"),
        ("1: a\n0x1: b", "f:2:1: key '1' is given twice: first at f:1:1"),
        ("b:\n\t- x", "f:2:1: a tab cannot indent YAML: use spaces"),
        (
            "a: b: c",
            "f:1:5: ':' is not allowed here: is a ':' missing above, is this line indented "
            "differently from its neighbors, or does text that contains ': ' need quotes?",
        ),
        ("a: [1, 2", "f:1:4: this bracket is never closed"),
        ("a: [1, 2\nb: 3", "f:2:2: expected ',' or ']' here"),
        (
            "a: {b: ${x}}",
            'f:1:9: a reference inside { } or [ ] must be quoted: "${key.path}"',
        ),
        ('a: "b\nc: d', "f:1:4: this quote is never closed"),
        ('a: "b" c', "f:1:8: text after the end of a value: quote the whole value"),
        ("a:\n  b: 1\n c: 2", "f:3:2: the indentation of this line matches no level above it"),
        ("a:\n  b\nc", "f:3:2: a key without ':' (on this line or the one above)"),
        (": 1", "f:1:1: a ':' without a key before it"),
        ("a: @b", "f:1:4: text that begins with '@' or '`' must be quoted"),
        ("a: %b", "f:1:4: text that begins with '%' must be quoted"),
        ("a: *", "f:1:5: text that begins with '*' or '&' must be quoted"),
        ("a: \x07", "f:1:4: the character U+0007 is not allowed"),
        ('a: "\\q"', "f:1:6: invalid YAML: found unknown escape character 'q'"),
        ("a: *b", "f:1:4: there is no anchor '&b' above this alias"),
        ("a: &b [*b]", "f:1:8: alias '*b' is inside the value that it refers to"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document begins here; a configuration has only one"),
        (
            "? [a, b]\n: 1",
            "f:1:3: a key must be a single value, not a list or a mapping (quote '{'?)",
        ),
        (
            "a: !!python/object/apply:os.system ['true']",
            "f:1:4: tag '!!python/object/apply:os.system' is not supported: write plain values, "
            "and quote text that looks like a number",
        ),
        (
            "a: !!int '5'",
            "f:1:4: tag '!!int' is not supported: write plain values, and quote text that "
            "looks like a number",
        ),
        (
            "<<: {a: 1}",
            "f:1:1: YAML 1.2 has no merge keys: name the file to build on as 'base:', or copy a "
            "part with an alias or a reference '${key.path}'",
        ),
        (
            'a: "\\ud83d\\ude00"',
            "f:1:4: '\\u' encodes half a character; write '\\U0001F600', for example",
        ),
        (f"a: 0x{'f' * 2000}", "f:1:4: number too large: 2,002 digits"),
        (f"a: {'9' * 5000}", "f:1:4: number too large: 5,000 digits"),
        (f"a: {'[' * 99}", "f:1:68: nested more than 64 levels deep"),
    ],
)
def test_invalid_input_is_reported(text: str, message: str) -> None:
    assert complaint(text) == message


def test_all_problems_are_reported_together() -> None:
    assert complaint("a: 1\na: 2\nb: !x y\nb: 1\n").splitlines() == [
        "f:2:1: key 'a' is given twice: first at f:1:1",
        "f:3:4: tag '!x' is not supported: write plain values, and quote text that looks "
        "like a number",
        "f:4:1: key 'b' is given twice: first at f:3:1",
    ]


def test_an_alias_bomb_is_rejected() -> None:
    """It expands to 9²⁹ values, so parsing never ends unless values are counted."""
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    message = complaint("\n".join(["a0: &a0 lol", *levels]))
    assert message == "f:7:10: aliases expand this to more than 100,000 values"


class _Core(yaml.SafeLoader):
    """PyYAML without scalar resolution: the reference for document structure."""


_Core.yaml_implicit_resolvers = {}

words = st.text("abc01- :#[]{},&*!|>'\"%@`\t\n\\$?", max_size=24)


@settings(max_examples=300)
@given(words)
def test_structure_matches_pyyaml(text: str) -> None:
    problems = Problems()
    node = parse(text, at, problems)
    try:
        problems.stop_if_any()
    except ConfigError:
        return  # reported as a problem, not as another exception
    try:
        expected = yaml.load(text, _Core)
    except yaml.YAMLError:
        expected = None  # tags and anchors that only a loader rejects
    if node and expected is not None:
        assert _shape(plain(node)) == _shape(expected)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return [_shape(inner) for inner in value.values()]
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return "scalar"
