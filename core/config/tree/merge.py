"""Merge one layer of a configuration over another.

Mappings merge key by key; other values, including lists, are replaced. If the upper layer names a
different component, its parameters replace those of the lower layer.
"""

from __future__ import annotations

from .nodes import Entry, ListNode, MapNode, Node, ScalarNode
from .problems import Problems


def merge(lower: Node, upper: Node, problems: Problems) -> Node:
    """Return ``upper`` merged over ``lower``, without changing either."""
    if isinstance(lower, ListNode) and isinstance(upper, MapNode) and upper.path:
        return _patch(lower, upper, problems)
    below, above = as_mappings(lower, upper)
    if below and above and not _renames(below, above):
        return _merge_mappings(below, above, problems)
    return upper


def as_mappings(one: Node, other: Node) -> tuple[MapNode | None, MapNode | None]:
    """Return both nodes as mappings if possible, else None for a node.

    A bare word opposite a mapping of parameters names their component and becomes
    ``{type: word}``.
    """
    return _as_mapping(one, beside=other), _as_mapping(other, beside=one)


def _as_mapping(node: Node, beside: Node) -> MapNode | None:
    if isinstance(node, MapNode):
        return node
    is_word = isinstance(node, ScalarNode) and isinstance(node.value, str)
    takes_type = isinstance(beside, MapNode) and (beside.path or "type" in beside.entries)
    if not is_word or not takes_type:
        return None
    return MapNode({"type": Entry(node.location, node)}, node.location)


def _renames(lower: MapNode, upper: MapNode) -> bool:
    """Return whether ``upper`` names a component that differs from the one in ``lower``."""
    new = upper.get("type")
    return isinstance(new, ScalarNode) and not _same_component(lower.get("type"), new)


def _same_component(old: Node | None, new: ScalarNode) -> bool:
    if not isinstance(old, ScalarNode):
        return old is None
    one, other = str(old.value), str(new.value)
    if "/" in one and "/" in other:
        return one == other
    # A bare name refers to its only provider; an ambiguous name is reported later.
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def _merge_mappings(lower: MapNode, upper: MapNode, problems: Problems) -> MapNode:
    entries = dict(lower.entries)
    for key, entry in upper.entries.items():
        if old := lower.entries.get(key):
            # An override such as a.b=1 sets only b, so a keeps its location in the file.
            keep = isinstance(entry.node, MapNode) and entry.node.path
            at = old.key if keep else entry.key
            entry = Entry(at, merge(old.node, entry.node, problems))  # noqa: PLW2901
        entries[key] = entry
    keep = upper.path or (upper.implied and not lower.implied)
    return MapNode(
        entries,
        lower.location if keep else upper.location,
        path=lower.path and upper.path,
        implied=lower.implied and upper.implied,
    )


def _patch(lower: ListNode, upper: MapNode, problems: Problems) -> ListNode:
    items = list(lower.items)
    for index, entry in upper.entries.items():
        if index.isdecimal() and int(index) < len(items):
            items[int(index)] = merge(items[int(index)], entry.node, problems)
        else:
            extent = f"has items 0 to {len(items) - 1}" if items else "is empty"
            message = f"there is no item {index}: the list at {lower.location} {extent}"
            problems.add(entry.key, message)
    return ListNode(tuple(items), lower.location)
