"""Expand the short form, one backbone and one decoder at the top level, to the long form.

Every layer is expanded before merging, so that either form can be based on the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from .nodes import Entry, Location, MapNode, Segment
from .paths import SHORT
from .problems import Problems


def expand_short(layer: MapNode, problems: Problems) -> MapNode:
    """Return a layer without short keys; mixing both forms of one section is a problem."""
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
            nested = {k: e for k, e in short.items() if SHORT[k][0] == section}
            entries.setdefault(section, _nest(SHORT[key][1], nested, entry.key))
    return MapNode(entries, layer.location, layer.path)


def complete(tree: MapNode) -> MapNode:
    """Add the implied stream and head if a tree has none.

    Errors then report the missing short key, such as ``decoder``, instead of ``heads``.
    """
    entries = dict(tree.entries)
    for section, name, _ in SHORT.values():
        if section not in entries:
            entries[section] = _nest(name, {}, tree.location)
    return MapNode(entries, tree.location)


def shorten(path: Sequence[Segment], tree: MapNode) -> tuple[Segment, ...]:
    """Return a path as written in the source, which may use the short form."""
    for key, long in SHORT.items():
        section = tree.get(long[0])
        if tuple(path[:3]) == long and isinstance(section, MapNode) and section.implied:
            return (key, *path[3:])
    return tuple(path)


def _nest(name: str, entries: dict[str, Entry], at: Location) -> Entry:
    inner = MapNode(entries, at, implied=True)
    outer = MapNode({name: Entry(at, inner)}, at, implied=True)
    return Entry(at, outer)
