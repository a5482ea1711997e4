"""Combine overrides ``key.path=value`` into one layer, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .merge import as_mappings
from .nodes import Entry, Location, MapNode, Node, Segment, plain
from .parse import parse
from .paths import expand, parse_path
from .problems import Problems

RANK = 1 << 30
"""Problems of overrides are reported after those of all files."""


class Given(str):
    """An override that stands for what the user gave, such as ``--device cpu``; errors quote that.

    ``given``: the text to quote.
    """

    given: str

    def __new__(cls, override: str, given: str) -> Given:
        """Return the override."""
        self = super().__new__(cls, override)
        self.given = given
        return self


Long = Callable[[tuple[str, ...]], tuple[Segment, ...]]


def parse_overrides(overrides: Sequence[str], problems: Problems, long: Long = expand) -> MapNode:
    """Return one layer with all overrides.

    ``long`` expands a written path into a path from the root. Contradicting overrides are a
    fatal problem, in any order.
    """
    start = Location("override", 0, 1, RANK)
    layer = MapNode({}, start, path=True, implied=True)
    for number, text in enumerate(overrides, start=1):
        quoted = text.given if isinstance(text, Given) else f"override '{text}'"
        location = Location("override", number, 1, RANK, quoted)
        branch = _branch(text, location, problems, long)
        if branch is not None:
            layer = _unite(layer, branch, problems)
    return layer


def _branch(text: str, location: Location, problems: Problems, long: Long) -> MapNode | None:
    path, equals, value = text.partition("=")
    if not equals:
        problems.add_fatal(location, "an override has the form key.path=value")
        return None
    try:
        written = parse_path(path.strip())
    except ValueError as error:
        problems.add_fatal(location, str(error))
        return None
    if written[0] in ("base", "pluxel"):
        problems.add_fatal(location, f"'{written[0]}' belongs in a file, not in an override")
        return None
    node: Node | None = parse(value, lambda _line, _column: location, problems)
    if node is None:
        return None
    whole = long(written)
    for step in reversed(whole):
        entries = {str(step): Entry(location, node)}
        node = MapNode(entries, location, path=True, implied=whole != written)
    return node if isinstance(node, MapNode) else None


def _unite(one: MapNode, other: MapNode, problems: Problems) -> MapNode:
    entries = dict(one.entries)
    for key, entry in other.entries.items():
        if key in entries:
            entries[key] = _agree(entries[key], entry, problems)
        else:
            entries[key] = entry
    return MapNode(
        entries,
        one.location,
        path=one.path and other.path,
        implied=one.implied and other.implied,
    )


def _agree(one: Entry, other: Entry, problems: Problems) -> Entry:
    below, above = as_mappings(one.node, other.node)
    if below and above:
        return Entry(one.key, _unite(below, above, problems))
    if plain(one.node) != plain(other.node):
        problems.add_fatal(other.key, f"contradicts {one.key.override}")
    return one
