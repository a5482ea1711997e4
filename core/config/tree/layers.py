"""Merge a file with its base files into one tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

from ....registry import PluxelError
from .files import display, find_file, read_text
from .merge import Place, merge
from .nodes import Entry, ListNode, Location, MapNode, Node, ScalarNode, Segment
from .parse import parse
from .paths import expand, parse_path
from .problems import Problems
from .short import expand_short

PROVENANCE = "pluxel"
"""The key under which a saved configuration records the versions that wrote it."""


def read_layers(path: Path, place: Place, problems: Problems) -> MapNode:
    """Return a file merged over its bases, in the long form, without the key ``base``.

    Later bases override earlier ones. Fatal problems: an unreadable file, a missing base, or a
    base that is, directly or indirectly, based on itself.
    """
    return _LayerReader(place, problems).read(path, ())


class _LayerReader:
    def __init__(self, place: Place, problems: Problems) -> None:
        self._place = place
        self._problems = problems
        self._merged: dict[Path, MapNode] = {}
        self._files = 0

    def read(self, path: Path, chain: tuple[Path, ...]) -> MapNode:
        """Return a merged file; ``chain`` lists the files that led here, each based on the next."""
        identity = path.resolve()
        if identity not in self._merged:
            own = _marked(self._own(path))
            bases = [self._base(node, (*chain, path)) for node in _names(own)]
            # The versions that wrote a base do not apply to this file.
            layers: list[Node] = [base.without(PROVENANCE) for base in bases if base]
            over = partial(merge, place=self._place, problems=self._problems)
            merged = reduce(over, [*layers, own.without("base")])
            assert isinstance(merged, MapNode)  # merging mappings yields a mapping
            self._merged[identity] = merged
        return self._merged[identity]

    def _base(self, node: Node, chain: tuple[Path, ...]) -> MapNode | None:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self._problems.add_fatal(node.location, "base must be a file name or a list of them")
            return None
        try:
            path = find_file(node.value, chain[-1].parent)
        except PluxelError as error:
            self._problems.add_fatal(node.location, error.message)
            return None
        if path.resolve() in {file.resolve() for file in chain}:
            names = " → ".join(display(file) for file in [*chain, path])
            self._problems.add_fatal(node.location, f"circular base: {names}")
            return None
        return self.read(path, chain)

    def _own(self, path: Path) -> MapNode:
        """Return the mapping in one file; an empty mapping after a fatal problem."""
        rank, shown = self._files, display(path)
        self._files += 1
        start = Location(shown, rank=rank)
        nothing = MapNode({}, start)
        try:
            text = read_text(path)
        except PluxelError as error:
            self._problems.add_fatal(start, error.message)
            return nothing
        tree = parse(
            text, lambda line, column: Location(shown, line + 1, column + 1, rank), self._problems
        )
        if isinstance(tree, MapNode):
            return expand_short(tree, self._problems)
        if isinstance(tree, ScalarNode) and tree.value is None:
            self._problems.add_fatal(
                start, "the file is empty: a configuration is a mapping of keys"
            )
        elif tree:
            kind = "a list" if isinstance(tree, ListNode) else f"'{tree.text}'"
            self._problems.add_fatal(
                tree.location, f"a configuration is a mapping of keys, not {kind}"
            )
        return nothing


def _marked(layer: MapNode) -> MapNode:
    """Return a layer whose entries know whether a run recorded them as defaults."""
    block = layer.get(PROVENANCE)
    listed = block.get("defaults") if isinstance(block, MapNode) else None
    for item in listed.items if isinstance(listed, ListNode) else ():
        try:
            path = expand(parse_path(str(item.value) if isinstance(item, ScalarNode) else ""))
        except ValueError:
            continue  # validation reports what is not text; a path that leads nowhere has no effect
        marked = _mark(layer, path)
        assert isinstance(marked, MapNode)
        layer = marked
    return layer


def _mark(node: Node, path: Sequence[Segment]) -> Node:
    """Return a node in which the entry at a path is marked as a default."""
    step, *rest = path
    if isinstance(node, ListNode) and str(step).isdecimal() and int(step) < len(node.items):
        items = [*node.items]
        items[int(step)] = _mark(items[int(step)], rest) if rest else items[int(step)]
        return replace(node, items=tuple(items))
    entry = node.entries.get(str(step)) if isinstance(node, MapNode) else None
    if entry is None or not isinstance(node, MapNode):
        return node
    inner = replace(entry, node=_mark(entry.node, rest)) if rest else _unset(entry)
    return replace(node, entries={**node.entries, str(step): inner})


def _unset(entry: Entry) -> Entry:
    """Return an entry marked as a default, with all entries below it."""
    return replace(entry, node=_all_unset(entry.node), default=True)


def _all_unset(node: Node) -> Node:
    if isinstance(node, ListNode):
        return replace(node, items=tuple(map(_all_unset, node.items)))
    if isinstance(node, MapNode):
        return replace(node, entries={key: _unset(one) for key, one in node.entries.items()})
    return node


def _names(layer: MapNode) -> Iterator[Node]:
    """Yield the nodes that name bases; ``base`` may be one name, a list, or null."""
    node = layer.get("base")
    if isinstance(node, ListNode):
        yield from node.items
    elif node and not (isinstance(node, ScalarNode) and node.value is None):
        yield node
