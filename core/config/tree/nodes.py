"""Nodes of a configuration tree; every key and value knows its source location."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

Segment = str | int
"""One step of a path into the tree: a key of a mapping or an index of a list."""

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Location:
    """A place in a file (line and column from 1), or an override as errors quote it.

    ``rank`` is the reading order: the file itself, its bases, the overrides.
    """

    file: str
    line: int = 1
    column: int = 1
    rank: int = field(default=0, compare=False)
    override: str | None = None

    def __str__(self) -> str:
        if self.override is not None:
            return self.override
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class ScalarNode:
    """A single value; ``text`` is its source text without quotes.

    ``broken``: a problem of this value is already recorded; do not report consequences of it.
    ``variable``: the text is that of an environment variable, which cannot be quoted.
    """

    value: Value
    text: str
    location: Location
    broken: bool = False
    variable: bool = False

    size: ClassVar[int] = 1


@dataclass(frozen=True)
class ListNode:
    """A list; merging replaces the lower value with it."""

    items: tuple[Node, ...]
    location: Location

    @cached_property
    def size(self) -> int:
        """Number of values in it; a shared part counts each time it occurs."""
        return 1 + sum(item.size for item in self.items)


@dataclass(frozen=True)
class Entry:
    """The value of a key, and the location of the key.

    ``default``: a run recorded the value, but nobody set it.
    """

    key: Location
    node: Node
    default: bool = False


@dataclass(frozen=True)
class MapNode:
    """A mapping; keys are strings, and integer keys become their decimal digits.

    ``path``: the mapping represents steps of a path such as ``a.b.0``, so keys may be indices.
    ``implied``: the mapping is not in the source; the short form implies it.
    """

    entries: Mapping[str, Entry]
    location: Location
    path: bool = False
    implied: bool = False

    @cached_property
    def size(self) -> int:
        """Number of values in it; a shared part counts each time it occurs."""
        return 1 + sum(entry.node.size for entry in self.entries.values())

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def without(self, *keys: str) -> MapNode:
        """Return the mapping without some keys."""
        kept = {key: entry for key, entry in self.entries.items() if key not in keys}
        return MapNode(kept, self.location, self.path, self.implied)


Node = ScalarNode | ListNode | MapNode


def child(node: Node, segment: Segment) -> Node | None:
    """Return the child at ``segment``, or None; in a list, ``"0"`` is an index."""
    if isinstance(node, MapNode):
        return node.get(str(segment))
    if isinstance(node, ListNode) and str(segment).isdecimal():
        index = int(segment)
        return node.items[index] if index < len(node.items) else None
    return None


def descend(node: Node, path: Sequence[Segment]) -> Iterator[Node]:
    """Yield the nodes along a path, starting with ``node``, as far as the path exists."""
    yield node
    for segment in path:
        following = child(node, segment)
        if following is None:
            return
        yield (node := following)


def is_whole(node: Node, rest: Sequence[Segment]) -> bool:
    """Return whether a node without children stands for the value at a path below it.

    ``decoder: fcn8s`` is also its type, ``embedding: glove`` also a list of one item, and
    ``'#ff0000'`` also three numbers.
    """
    if isinstance(rest[0], int):
        return not isinstance(node, ListNode)
    return [*rest] == ["type"] and isinstance(node, ScalarNode)


def key_location(node: Node, path: Sequence[Segment]) -> Location | None:
    """Return the location of the last key of a path, or None if the key is absent."""
    *parents, parent = descend(node, path[:-1])
    if len(parents) != len(path) - 1 or not isinstance(parent, MapNode):
        return None
    entry = parent.entries.get(str(path[-1]))
    return entry.key if entry else None


def anchor(node: Node) -> Location:
    """Return the location that represents a node; for a component, its key ``type``."""
    if isinstance(node, MapNode) and "type" in node.entries:
        return node.entries["type"].key
    return node.location


def plain(node: Node) -> Any:
    """Return a tree as ordinary dicts, lists and values."""
    if isinstance(node, MapNode):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.value
