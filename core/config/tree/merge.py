"""One layer of a configuration over another.

Mappings merge key by key; everything else, lists included, is replaced; naming another component
replaces the parameters of the old one.
"""

from __future__ import annotations

from types import MappingProxyType

from .nodes import Entry, ListNode, Location, MapNode, Node, ScalarNode
from .problems import Problems


def merge(lower: Node, upper: Node, problems: Problems) -> Node:
    """Return ``upper`` laid over ``lower``; neither is changed."""
    if isinstance(lower, ListNode) and isinstance(upper, MapNode) and upper.path:
        return _patch(lower, upper, problems)
    below, above = as_mappings(lower, upper)
    if below and above and not _renames(below, above):
        return _merge_mappings(below, above, problems)
    return upper


def as_mappings(one: Node, other: Node) -> tuple[MapNode | None, MapNode | None]:
    """Return both as mappings, if at least one is.

    A bare word beside parameters names their component: it is ``{type: word}``.
    """
    return _named(one, beside=other), _named(other, beside=one)


def _named(node: Node, beside: Node) -> MapNode | None:
    if isinstance(node, MapNode):
        return node
    is_word = isinstance(node, ScalarNode) and isinstance(node.value, str)
    takes_one = isinstance(beside, MapNode) and (beside.path or "type" in beside.entries)
    if not is_word or not takes_one:
        return None
    return MapNode(MappingProxyType({"type": Entry(node.location, node)}), node.location)


def _renames(lower: MapNode, upper: MapNode) -> bool:
    """Tell whether ``upper`` names a component other than the one in ``lower``, or the first."""
    new = upper.get("type")
    return isinstance(new, ScalarNode) and not _same_component(lower.get("type"), new)


def _same_component(old: Node | None, new: ScalarNode) -> bool:
    if not isinstance(old, ScalarNode):
        return old is None
    one, other = str(old.value), str(new.value)
    if "/" in one and "/" in other:
        return one == other
    # A bare name means the only provider that has it, or is an error later on.
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def _merge_mappings(lower: MapNode, upper: MapNode, problems: Problems) -> MapNode:
    entries = dict(lower.entries)
    for key, entry in upper.entries.items():
        if old := lower.entries.get(key):
            # A path such as a.b=1 sets b; that a is there remains what the file says.
            keep = isinstance(entry.node, MapNode) and entry.node.path
            at = old.key if keep else entry.key
            entry = Entry(at, merge(old.node, entry.node, problems))  # noqa: PLW2901
        entries[key] = entry
    keep = upper.path or (upper.implied and not lower.implied)
    return MapNode(
        MappingProxyType(entries),
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
            problems.add(entry.key, _no_such_index(index, len(items), lower.location))
    return ListNode(tuple(items), lower.location)


def _no_such_index(index: str, length: int, at: Location) -> str:
    if not length:
        return f"there is no item {index}: the list at {at} is empty"
    return f"there is no item {index}: the list at {at} has items 0 to {length - 1}"
