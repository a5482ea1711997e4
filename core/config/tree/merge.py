"""Merge one layer of a configuration over another.

Mappings merge key by key; other values, including lists, are replaced. A `Place` knows where a
word names a component. There, ``fcn8s`` and ``{type: fcn8s}`` are the same, and if the upper layer
names a different component, its parameters replace those of the lower layer.
"""

from __future__ import annotations

from typing import Protocol

from .nodes import Entry, ListNode, MapNode, Node, ScalarNode
from .problems import Problems


class Place(Protocol):
    """What merging asks about a place of the configuration."""

    @property
    def is_named(self) -> bool:
        """Whether a word here names a component or another thing with a ``type``."""
        ...

    def are_same(self, one: str, other: str) -> bool:
        """Return whether two names refer to the same component."""
        ...

    def inside(self, key: str, *mappings: Node | None) -> Place:
        """Return the place of a key; the first of ``mappings`` with a ``type`` decides about it."""
        ...


def merge(lower: Node, upper: Node, place: Place, problems: Problems) -> Node:
    """Return ``upper`` merged over ``lower``, without changing either."""
    if isinstance(lower, ListNode) and isinstance(upper, MapNode) and upper.path:
        return _patch(lower, upper, place, problems)
    below, above = as_mappings(lower, upper, place)
    if below and above and not _renames(below, above, place):
        return _merge_mappings(below, above, place, problems)
    return upper


def as_mappings(one: Node, other: Node, place: Place) -> tuple[MapNode | None, MapNode | None]:
    """Return both nodes as mappings if possible, else None for a node.

    A word opposite a mapping becomes ``{type: word}`` where it names a component.
    """
    return _as_mapping(one, other, place), _as_mapping(other, one, place)


def _as_mapping(node: Node, beside: Node, place: Place) -> MapNode | None:
    if isinstance(node, MapNode):
        return node
    is_word = isinstance(node, ScalarNode) and isinstance(node.value, str)
    if is_word and isinstance(beside, MapNode) and place.is_named:
        return MapNode({"type": Entry(node.location, node)}, node.location)
    return None


def _renames(lower: MapNode, upper: MapNode, place: Place) -> bool:
    """Return whether ``upper`` names a component that differs from the one in ``lower``."""
    new, old = upper.get("type"), lower.get("type")
    if old is None or not isinstance(new, ScalarNode) or not place.is_named:
        return False  # parameters without a name belong to the component that is named
    return not (isinstance(old, ScalarNode) and place.are_same(str(old.value), str(new.value)))


def _merge_mappings(lower: MapNode, upper: MapNode, place: Place, problems: Problems) -> MapNode:
    entries = dict(lower.entries)
    for key, entry in upper.entries.items():
        if old := lower.entries.get(key):
            # An override such as a.b=1 sets only b, so a keeps its location in the file.
            keep = isinstance(entry.node, MapNode) and entry.node.path
            at = old.key if keep else entry.key
            inner = place.inside(key, upper, lower)
            node = merge(old.node, entry.node, inner, problems)
            entry = Entry(at, node, entry.default)  # noqa: PLW2901
        entries[key] = entry
    keep = upper.path or (upper.implied and not lower.implied)
    return MapNode(
        entries,
        lower.location if keep else upper.location,
        path=lower.path and upper.path,
        implied=lower.implied and upper.implied,
    )


def _patch(lower: ListNode, upper: MapNode, place: Place, problems: Problems) -> ListNode:
    items = list(lower.items)
    for index, entry in upper.entries.items():
        if index.isdecimal() and int(index) < len(items):
            inner = place.inside(index)
            items[int(index)] = merge(items[int(index)], entry.node, inner, problems)
        else:
            extent = f"has items 0 to {len(items) - 1}" if items else "is empty"
            message = f"there is no item {index}: the list at {lower.location} {extent}"
            problems.add(entry.key, message)
    return ListNode(tuple(items), lower.location)
