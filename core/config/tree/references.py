"""Resolve ``${key.path}`` and ``${env:NAME,default}`` after all layers are merged.

A value that consists of one reference becomes the target, with its type. A reference within text
is inserted as text. ``$${`` is a literal ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from .nodes import Entry, ListNode, MapNode, Node, ScalarNode, child
from .parse import MAX_VALUES
from .paths import expand, format_path, parse_path
from .problems import Problems, suggestion
from .scalars import SURROGATE, resolve

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_MAX_TEXT = 65_536
"""Maximum characters of a text with references; a longer one is a mistake or an attack."""


def resolve_references(
    tree: MapNode, environment: Mapping[str, str], problems: Problems
) -> MapNode:
    """Return the tree with every reference replaced by its target.

    An unresolvable reference is a problem and remains unchanged.
    """
    resolver = _Resolver(tree, environment, problems)
    resolved = resolver.node(tree)
    if resolved.size > MAX_VALUES:
        problems.add_fatal(
            tree.location, f"references expand this to more than {MAX_VALUES:,} values"
        )
        return tree
    return resolved if isinstance(resolved, MapNode) else tree


def escape(text: str) -> str:
    """Escape a text so that ``resolve_references`` returns it unchanged."""
    return text.replace("${", "$${")


class _Unresolvable(Exception):  # noqa: N818 - it never leaves this module
    """Carries only the message; the location is that of the scalar with the reference."""


class _Resolver:
    def __init__(self, tree: MapNode, environment: Mapping[str, str], problems: Problems) -> None:
        self._tree = tree
        self._environment = environment
        self._problems = problems
        self._done: dict[int, Node] = {}  # by identity: aliases share nodes
        self._open: list[tuple[ScalarNode, str]] = []

    def node(self, node: Node) -> Node:
        """Return a node with all its references resolved."""
        if id(node) not in self._done:
            resolved = self._resolve(node)
            # Do not resolve twice: a reference may lead to a literal '${'.
            self._done |= {id(node): resolved, id(resolved): resolved}
        return self._done[id(node)]

    def _resolve(self, node: Node) -> Node:
        if isinstance(node, MapNode):
            entries = {k: replace(e, node=self.node(e.node)) for k, e in node.entries.items()}
            name = node.get("type")
            refers = isinstance(name, ScalarNode) and isinstance(entries["type"].node, MapNode)
            return replace(node, entries=_over_component(entries) if refers else entries)
        if isinstance(node, ListNode):
            return ListNode(tuple(self.node(item) for item in node.items), node.location)
        if isinstance(node.value, str) and "${" in node.value:
            try:
                return self._scalar(node, node.value)
            except _Unresolvable as error:
                self._problems.add(node.location, str(error))
                return replace(node, broken=True)
        return node

    def _scalar(self, node: ScalarNode, text: str) -> Node:
        whole = _TOKEN.fullmatch(text)
        if whole and whole[1] is not None:
            target = self._follow(node, whole[1])
            return replace(target, location=node.location)
        pieces = [self._piece(node, token) for token in _TOKEN.finditer(text)]
        texts = iter(pieces)
        joined = _TOKEN.sub(lambda _: next(texts).text, text)
        if len(joined) > _MAX_TEXT:
            raise _Unresolvable(f"references make this text longer than {_MAX_TEXT:,} characters")
        if any(piece.broken for piece in pieces):
            return replace(node, broken=True)
        return ScalarNode(joined, joined, node.location)

    def _piece(self, node: ScalarNode, token: re.Match[str]) -> ScalarNode:
        if token[0] == "$${":
            return ScalarNode("${", "${", node.location)
        if token[1] is None:
            raise _Unresolvable("'${' is not closed by '}' ('$${' is a literal '${')")
        target = self._follow(node, token[1])
        if not isinstance(target, ScalarNode):
            kind = "a list" if isinstance(target, ListNode) else "a mapping"
            raise _Unresolvable(f"'{token[0]}' is {kind}, which cannot be part of text")
        if target.value is None and target.text != "":
            raise _Unresolvable(f"'{token[0]}' is null, which cannot be part of text")
        return target

    def _follow(self, node: ScalarNode, reference: str) -> Node:
        """Return the resolved target of a reference in ``node``."""
        if reference.startswith("env:"):
            return self._variable(node, reference.removeprefix("env:"))
        chain = [path for _, path in self._open]
        if any(node is waiting for waiting, _ in self._open):
            raise _Unresolvable(f"circular reference: {' → '.join([*chain, reference])}")
        self._open.append((node, reference))
        try:
            return self._find(reference)
        finally:
            self._open.pop()

    def _variable(self, node: ScalarNode, reference: str) -> ScalarNode:
        name, comma, default = reference.partition(",")
        given = self._environment.get(name.strip())
        text = default.strip() if given is None and comma else given
        if text is None:
            raise _Unresolvable(
                f"environment variable '{name}' is not set; ${{env:{name},VALUE}} sets a default"
            )
        if SURROGATE.search(text):
            raise _Unresolvable(f"environment variable '{name}' is not UTF-8 text")
        if given == "":  # a variable that is set but empty is not null
            return ScalarNode("", "", node.location)
        try:
            return ScalarNode(resolve(text), text, node.location, variable=True)
        except ValueError:
            raise _Unresolvable(f"environment variable '{name}' is too large a number") from None

    def _find(self, reference: str) -> Node:
        try:
            path = parse_path(reference.strip())
        except ValueError as error:
            raise _Unresolvable(str(error)) from None
        node: Node = self._tree
        for depth, step in enumerate(steps := expand(path)):
            if isinstance(node, ScalarNode) and str(node.value).startswith("${"):
                node = self.node(node)  # a reference in the middle of the path
            following = child(node, step)
            if following is None:
                raise _Unresolvable(_unknown(reference, node, steps, depth))
            node = following
        return self.node(node)


def _over_component(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """Return the entries of a mapping over the component to which its ``type`` refers.

    ``loss: ${heads.a.loss}`` with ``loss.smooth=2`` is ``{type: ${heads.a.loss}, smooth: 2}``.
    """
    component = entries["type"].node
    assert isinstance(component, MapNode)
    if "type" not in component.entries:
        return entries
    return {**component.entries, **{k: e for k, e in entries.items() if k != "type"}}


def _unknown(reference: str, node: Node, steps: tuple[str | int, ...], depth: int) -> str:
    step = str(steps[depth])
    where = f"'{format_path(steps[:depth])}'" if depth else "the configuration"
    if isinstance(node, MapNode):
        hint = suggestion(step, node.entries)
        return f"unknown reference '{reference}': {where} has no key '{step}'{hint}"
    if isinstance(node, ListNode):
        return f"unknown reference '{reference}': {where} is a list of length {len(node.items)}"
    return f"unknown reference '{reference}': {where} is a single value"
