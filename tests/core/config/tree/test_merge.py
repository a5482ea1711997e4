"""Merging layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.tree.merge import merge
from pluxel.core.config.tree.nodes import (
    Entry,
    ListNode,
    Location,
    MapNode,
    Node,
    ScalarNode,
    plain,
)
from pluxel.core.config.tree.problems import ConfigError, Problems


def node(value: Any, file: str = "f") -> Node:
    at = Location(file)
    if isinstance(value, dict):
        entries = {key: Entry(at, node(inner, file)) for key, inner in value.items()}
        return MapNode(entries, at)
    if isinstance(value, list):
        return ListNode(tuple(node(inner, file) for inner in value), at)
    return ScalarNode(value, str(value), at)


class Everywhere:
    """A place at which words name components, as at every place below it, or none does."""

    def __init__(self, *, is_named: bool) -> None:
        self.is_named = is_named

    def are_same(self, one: str, other: str) -> bool:
        return one == other

    def inside(self, key: str, *mappings: Node | None) -> Everywhere:
        return self


NAMED, UNNAMED = Everywhere(is_named=True), Everywhere(is_named=False)


def merged(*layers: Any, place: Everywhere = NAMED) -> Any:
    problems = Problems()
    result = node(layers[0])
    for layer in layers[1:]:
        result = merge(result, node(layer), place, problems)
    problems.stop_if_any()
    return plain(result)


@pytest.mark.parametrize(
    ("lower", "upper", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2, 3]}, {"a": [4]}, {"a": [4]}),
        ({"a": [1]}, {"a": {"0": 2}}, {"a": {"0": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": [1]}, {"a": "fast"}, {"a": "fast"}),
        ({"a": 1}, {"a": {"type": "x"}}, {"a": {"type": "x"}}),
    ],
)
def test_mappings_merge_and_other_values_are_replaced(lower: Any, upper: Any, result: Any) -> None:
    assert merged(lower, upper) == result


SGD = {"type": "sgd", "lr": 1, "momentum": 0.9}


@pytest.mark.parametrize(
    ("lower", "upper", "result"),
    [
        (SGD, {"type": "adamw", "lr": 2}, {"type": "adamw", "lr": 2}),
        (SGD, {"lr": 2}, {"type": "sgd", "lr": 2, "momentum": 0.9}),
        (SGD, {"type": "sgd", "lr": 2}, {"type": "sgd", "lr": 2, "momentum": 0.9}),
        (SGD, "adamw", "adamw"),
        (SGD, "sgd", SGD),
        ("sgd", {"type": "sgd", "lr": 2}, {"type": "sgd", "lr": 2}),
        ("sgd", {"type": "adamw"}, {"type": "adamw"}),
        ("sgd", {"lr": 2}, {"type": "sgd", "lr": 2}),
        ({"lr": 2}, "sgd", {"type": "sgd", "lr": 2}),
        ({"lr": 1}, {"type": "adamw"}, {"lr": 1, "type": "adamw"}),
        ({"type": None, "x": 1}, {"type": "unet"}, {"type": "unet"}),
    ],
)
def test_a_different_component_replaces_the_parameters(lower: Any, upper: Any, result: Any) -> None:
    assert merged({"a": lower}, {"a": upper}) == {"a": result}


@pytest.mark.parametrize(
    ("lower", "upper", "result"),
    [
        ("auto", {"red": 2}, {"red": 2}),
        ({"red": 2}, "auto", "auto"),
        ({"type": 1, "red": 2}, {"type": 3}, {"type": 3, "red": 2}),  # a class called 'type'
        ({"type": "a", "red": "b"}, {"type": "c"}, {"type": "c", "red": "b"}),
    ],
)
def test_where_no_component_is_named_a_word_is_a_value(lower: Any, upper: Any, result: Any) -> None:
    assert merged({"a": lower}, {"a": upper}, place=UNNAMED) == {"a": result}


def test_locations_come_from_the_winning_layer() -> None:
    tree = merge(
        node({"a": {"b": 1, "c": 2}}, "low"), node({"a": {"c": 3}}, "up"), NAMED, Problems()
    )
    assert isinstance(tree, MapNode)
    section = tree.get("a")
    assert isinstance(section, MapNode)
    assert {key: e.node.location.file for key, e in section.entries.items()} == {
        "b": "low",
        "c": "up",
    }
    assert tree.entries["a"].key.file == "up"


leaves = st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)


def _sections(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={"a": leaves, "b": leaves, "c": inner, "d": inner})


trees = st.recursive(st.fixed_dictionaries({}, optional={"a": leaves}), _sections, max_leaves=8)
"""Sections whose keys each hold either values or a section; none names a component."""


@given(trees, trees, trees)
def test_merging_is_associative(a: Any, b: Any, c: Any) -> None:
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


named = st.fixed_dictionaries({"type": st.sampled_from("xy")}, optional={"p": leaves, "q": leaves})


layers = st.dictionaries(st.sampled_from("abcd"), named | leaves)


@given(layers, layers)
def test_the_upper_layer_wins(lower: Any, upper: Any) -> None:
    both = merged(lower, upper)
    assert merged(both, upper) == both  # merging is idempotent
    assert merged(lower, {}) == lower == merged({}, lower) == merged(lower, lower)
    assert {*both} == {*lower, *upper}
    for key, value in upper.items():
        if isinstance(value, dict):
            assert both[key].items() >= value.items()
        else:
            assert both[key] == value


def test_a_path_reaches_into_a_list() -> None:
    at = Location("f")
    patch = MapNode({"1": Entry(at, node({"b": 9}))}, at, path=True)
    assert plain(merge(node([{"b": 1}, {"b": 2, "c": 3}]), patch, NAMED, Problems())) == [
        {"b": 1},
        {"b": 9, "c": 3},
    ]


@pytest.mark.parametrize(
    ("items", "index", "message"),
    [
        ([1, 2], "2", "f:1:1: there is no item 2: the list at f:1:1 has items 0 to 1"),
        ([1, 2], "x", "f:1:1: there is no item x: the list at f:1:1 has items 0 to 1"),
        ([1, 2], "-1", "f:1:1: there is no item -1: the list at f:1:1 has items 0 to 1"),
        ([], "0", "f:1:1: there is no item 0: the list at f:1:1 is empty"),
    ],
)
def test_an_index_out_of_range_is_reported(items: list[int], index: str, message: str) -> None:
    at, problems = Location("f"), Problems()
    patch = MapNode({index: Entry(at, node(1))}, at, path=True)
    merge(node(items), patch, NAMED, problems)
    with pytest.raises(ConfigError) as caught:
        problems.stop_if_any()
    assert str(caught.value) == message
