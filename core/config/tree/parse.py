"""Parse YAML: one document, YAML 1.2 scalars, no tags, no merge keys, no duplicate keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

import yaml

from .nodes import Entry, ListNode, Location, MapNode, Node, ScalarNode
from .problems import Problems
from .scalars import SURROGATE, resolve
from .syntax import explain_syntax

MAX_VALUES = 100_000
"""Maximum number of values in a configuration; each use of an alias counts."""

_MAX_DEPTH = 64

Locate = Callable[[int, int], Location]
"""Converts a line and a column, both from 0, to a location."""


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """The rest of the document cannot be read after this problem."""


def parse(text: str, locate: Locate, problems: Problems) -> Node | None:
    """Return the document in a text (null if empty), or None after a fatal problem.

    Raises nothing: ``problems`` collects syntax errors, duplicate keys, tags, merge keys,
    recursive aliases and aliases that expand to too many values.
    """
    composer = _Composer(locate, problems)
    try:
        return composer.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        line, column, message = explain_syntax(error, text)
        problems.add_fatal(locate(line, column), message)
    except _Unreadable:
        pass
    return None


class _Composer:
    """Builds nodes from the events of PyYAML's parser."""

    def __init__(self, locate: Locate, problems: Problems) -> None:
        self._locate = locate
        self._problems = problems
        self._anchors: dict[str, Node | None] = {}
        self._aliased = 0

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        self._events = events
        node: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    self._stop(event, "a second document begins here; a configuration has only one")
                node = self._node(next(events), 0)
        return node or ScalarNode(None, "", self._locate(0, 0))

    def _at(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        return self._locate(mark.line, mark.column)

    def _stop(self, event: yaml.Event, message: str) -> NoReturn:
        self._problems.add_fatal(self._at(event), message)
        raise _Unreadable

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            self._stop(event, f"nested more than {_MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        assert isinstance(event, yaml.NodeEvent)  # guaranteed by the parser's grammar
        if event.anchor:
            self._anchors[event.anchor] = None
        tagged = self._is_tagged(event)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, broken=tagged)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            self._stop(event, f"there is no anchor '&{event.anchor}' above this alias")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, f"alias '*{event.anchor}' is inside the value that it refers to")
        self._aliased += node.size
        if self._aliased > MAX_VALUES:
            self._stop(event, f"aliases expand this to more than {MAX_VALUES:,} values")
        return node

    def _is_tagged(self, event: yaml.NodeEvent) -> bool:
        tag = getattr(event, "tag", None)
        if tag in (None, "!"):
            return False
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._problems.add(
            self._at(event),
            f"tag '{shown}' is not supported: write plain values, and quote text that looks "
            "like a number",
        )
        return True

    def _scalar(self, event: yaml.ScalarEvent, *, broken: bool) -> ScalarNode:
        at = self._at(event)
        try:
            value = resolve(event.value) if event.implicit[0] and not event.tag else event.value
        except ValueError:
            self._problems.add(at, f"number too large: {len(event.value):,} digits")
            return ScalarNode(event.value, event.value, at, broken=True)
        if not event.value.isascii() and SURROGATE.search(event.value):
            self._problems.add(
                at, "'\\u' encodes half a character; write '\\U0001F600', for example"
            )
            broken = True
        return ScalarNode(value, event.value, at, broken)

    def _list(self, event: yaml.NodeEvent, depth: int) -> ListNode:
        items = []
        while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(following, depth + 1))
        return ListNode(tuple(items), self._at(event))

    def _mapping(self, event: yaml.NodeEvent, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        while not isinstance(following := next(self._events), yaml.MappingEndEvent):
            key_at = self._at(following)
            key = self._key(following, depth)
            entry = Entry(key_at, self._node(next(self._events), depth + 1))
            if key in entries:
                first = entries[key].key
                self._problems.add(key_at, f"key '{key}' is given twice: first at {first}")
            else:
                entries[key] = entry
        return MapNode(entries, self._at(event))

    def _key(self, event: yaml.Event, depth: int) -> str:
        node = self._node(event, depth + 1)
        if not isinstance(node, ScalarNode):
            self._stop(event, "a key must be a single value, not a list or a mapping (quote '{'?)")
        if node.text == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            self._problems.add_fatal(
                node.location,
                "YAML 1.2 has no merge keys: name the file to build on as 'base:', or copy a part "
                "with an alias or a reference '${key.path}'",
            )
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return str(node.value)
        return node.text
