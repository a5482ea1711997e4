"""The short form, one backbone and one decoder at the top level, becomes the long one.

Every layer is expanded before layers are merged, so that either form can be based on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from .nodes import Entry, Location, MapNode, Segment
from .paths import SHORT
from .problems import Problems


def expand_short(layer: MapNode, problems: Problems) -> MapNode:
    """Return a layer without short keys; it is a problem if it has both forms of one thing."""
    for key, entry in layer.entries.items():
        long = SHORT[key][0] if key in SHORT else None
        if long in layer.entries:
            problems.add(
                entry.key,
                f"'{key}' is short for {'.'.join(SHORT[key])}: give '{long}' or the short keys, "
                "not both",
            )
    short = {key: entry for key, entry in layer.entries.items() if key in SHORT}
    entries: dict[str, Entry] = {}
    for key, entry in layer.entries.items():
        if key not in SHORT:
            entries[key] = entry
        elif (section := SHORT[key][0]) not in layer.entries:
            mine = {k: e for k, e in short.items() if SHORT[k][0] == section}
            entries.setdefault(section, _nest(SHORT[key][1], mine, entry.key))
    return MapNode(MappingProxyType(entries), layer.location, layer.path)


def complete(tree: MapNode) -> MapNode:
    """Add the stream and the head that the short form is about, if a tree has none.

    What is then found missing is what a person should write: ``decoder``, not ``heads``.
    """
    entries = dict(tree.entries)
    for section, name, _ in SHORT.values():
        if section not in entries:
            entries[section] = _nest(name, {}, tree.location)
    return MapNode(MappingProxyType(entries), tree.location)


def shorten(path: Sequence[Segment], tree: MapNode) -> tuple[Segment, ...]:
    """Return a path as the person wrote it, who may have used the short form."""
    for key, long in SHORT.items():
        section = tree.get(long[0])
        if tuple(path[:3]) == long and isinstance(section, MapNode) and section.implied:
            return (key, *path[3:])
    return tuple(path)


def _nest(name: str, entries: dict[str, Entry], at: Location) -> Entry:
    inner = MapNode(MappingProxyType(entries), at, implied=True)
    outer = MapNode(MappingProxyType({name: Entry(at, inner)}), at, implied=True)
    return Entry(at, outer)
