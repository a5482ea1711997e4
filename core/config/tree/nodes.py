"""A configuration as a tree in which every key and every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

Segment = str | int
"""One step of a path into the tree: the key of a mapping, or an index of a list."""

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Location:
    """A place that a person can go to: in a file (from 1), or an override on the command line.

    ``rank`` is the reading order: the file itself, the files it is based on, the command line.
    """

    file: str
    line: int = 1
    column: int = 1
    rank: int = field(default=0, compare=False)
    override: str | None = None

    def __str__(self) -> str:
        if self.override is not None:
            return f"command line: '{self.override}'"
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def order(self) -> tuple[int, int, int]:
        """Sort key: by file in reading order, then line and column."""
        return self.rank, self.line, self.column


@dataclass(frozen=True)
class ScalarNode:
    """A single value; ``text`` is how it was written, without quotes.

    ``broken``: its problem is noted already, and what follows from it is not worth telling.
    """

    value: Value
    text: str
    location: Location
    broken: bool = False

    @property
    def size(self) -> int:
        """A scalar counts once."""
        return 1


@dataclass(frozen=True)
class ListNode:
    """A list; it replaces what it is merged over."""

    items: tuple[Node, ...]
    location: Location

    @cached_property
    def size(self) -> int:
        """Values in it, those of a shared part counted each time that it occurs."""
        return 1 + sum(item.size for item in self.items)


@dataclass(frozen=True)
class Entry:
    """The value of a key, and where the key is written."""

    key: Location
    node: Node


@dataclass(frozen=True)
class MapNode:
    """A mapping; keys are strings, those that were integers are their decimal digits.

    ``path``: it stands for the steps of a path such as ``a.b.0``, so its keys may be indices.
    ``implied``: nobody wrote it, the short form of a configuration stands for it.
    """

    entries: Mapping[str, Entry]
    location: Location
    path: bool = False
    implied: bool = False

    @cached_property
    def size(self) -> int:
        """Values in it, those of a shared part counted each time that it occurs."""
        return 1 + sum(entry.node.size for entry in self.entries.values())

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def without(self, *keys: str) -> MapNode:
        """Return the mapping less some keys."""
        kept = {key: entry for key, entry in self.entries.items() if key not in keys}
        return MapNode(MappingProxyType(kept), self.location, self.path, self.implied)


Node = ScalarNode | ListNode | MapNode


def child(node: Node, segment: Segment) -> Node | None:
    """Return what lies one step further, or None; ``"0"`` is an index where the node is a list."""
    if isinstance(node, MapNode):
        return node.get(str(segment))
    if isinstance(node, ListNode) and str(segment).isdecimal():
        index = int(segment)
        return node.items[index] if index < len(node.items) else None
    return None


def descend(node: Node, path: Sequence[Segment]) -> Iterator[Node]:
    """Yield the nodes along a path, the first included, as far as there are any."""
    yield node
    for segment in path:
        following = child(node, segment)
        if following is None:
            return
        yield (node := following)


def key_location(node: Node, path: Sequence[Segment]) -> Location | None:
    """Return where the last key of a path is written, or None if it is not written at all."""
    *parents, parent = descend(node, path[:-1])
    if len(parents) != len(path) - 1 or not isinstance(parent, MapNode):
        return None
    entry = parent.entries.get(str(path[-1]))
    return entry.key if entry else None


def anchor(node: Node) -> Location:
    """Return the place that stands for a whole node: of a component, its key ``type``."""
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
