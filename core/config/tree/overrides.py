"""Combine overrides ``key.path=value`` into one layer, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

import yaml

from .merge import Place, as_mappings
from .nodes import Entry, Location, MapNode, Node, ScalarNode, Segment, child, plain
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


def parse_overrides(
    overrides: Sequence[str], tree: MapNode, place: Place, problems: Problems, long: Long = expand
) -> MapNode:
    """Return one layer with all overrides of ``tree``.

    ``long`` expands a written path into a path from the root. Contradicting overrides are a
    fatal problem, in any order.
    """
    branches: list[tuple[int, MapNode]] = []
    for number, text in enumerate(overrides, start=1):
        quoted = text.given if isinstance(text, Given) else f"override '{text}'"
        location = Location("override", number, 1, RANK, quoted)
        if (branch := _branch(text, location, problems, long)) is not None:
            branches.append(branch)
    layer = MapNode({}, Location("override", 0, 1, RANK), path=True, implied=True)
    # Names come before the parameters that depend on them.
    for _, branch in sorted(branches, key=itemgetter(0)):
        layer = _unite(layer, branch, tree, place, problems)
    return layer


def _branch(
    text: str, location: Location, problems: Problems, long: Long
) -> tuple[int, MapNode] | None:
    """Return the length of a path, and the mappings along it."""
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
    node = _value(value, location, problems)
    if node is None:
        return None
    whole = long(written)
    for step in reversed(whole):
        entries = {str(step): Entry(location, node)}
        node = MapNode(entries, location, path=True, implied=whole != written)
    return (len(whole), node) if isinstance(node, MapNode) else None


def _value(text: str, location: Location, problems: Problems) -> Node | None:
    """Return the value of an override, in which a ``#`` in unquoted text is part of the text.

    A comment anywhere else is a fatal problem, since it would hide a part of the value.
    """
    tokens = _before_comment(text) if "#" in text else None
    if tokens is None:
        return parse(text, lambda _line, _column: location, problems)
    is_text = all(isinstance(token, yaml.ScalarToken) and token.plain for token in tokens)
    if len(tokens) > 1 or not is_text:
        message = "'#' begins a comment here: put the text that contains it in quotes"
        problems.add_fatal(location, message)
        return None
    return ScalarNode(text.strip(), text.strip(), location)


def _before_comment(text: str) -> list[yaml.Token] | None:
    """Return what YAML reads of a text that ends in a comment, or None if it does not."""
    try:
        tokens = [*yaml.scan(text, Loader=yaml.SafeLoader)][1:-1]
    except yaml.YAMLError:  # the parser reports it
        return None
    end = tokens[-1].end_mark.index if tokens else 0
    return tokens if "#" in text[end:] else None


def _unite(
    one: MapNode, other: MapNode, tree: Node | None, place: Place, problems: Problems
) -> MapNode:
    """Combine two mappings of overrides; ``tree``: what they override."""
    entries = dict(one.entries)
    for key, entry in other.entries.items():
        if key in entries:
            inner = place.inside(key, other, one, tree)
            below = child(tree, key) if tree else None
            entries[key] = _agree(entries[key], entry, below, inner, problems)
        else:
            entries[key] = entry
    return MapNode(
        entries,
        one.location,
        path=one.path and other.path,
        implied=one.implied and other.implied,
    )


def _agree(one: Entry, other: Entry, tree: Node | None, place: Place, problems: Problems) -> Entry:
    first, second = as_mappings(one.node, other.node, place)
    if first and second:
        return Entry(one.key, _unite(first, second, tree, place, problems))
    if plain(one.node) != plain(other.node):
        problems.add_fatal(other.key, f"contradicts {one.key.override}")
    return one
