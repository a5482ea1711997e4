"""Turn pydantic's validation errors into plain-language problems with source locations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ...contracts.annotations import annotation_at, keys_of
from ..tree.nodes import (
    Location,
    MapNode,
    Node,
    ScalarNode,
    Segment,
    anchor,
    child,
    descend,
    key_location,
)
from ..tree.paths import SHORT, format_path
from ..tree.problems import Problem, suggestion
from .faults import FAULT, Owner
from .mistakes import MISSING, Mistake, by_union, read_mistake
from .words import describe, instead

_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_LISTED = 12
"""Maximum number of keys that an error lists."""

_DEPTH = 3
"""Depth of the search for a misplaced key; a plugin's model may contain itself."""

Shorten = Callable[[Sequence[Segment]], tuple[Segment, ...]]


def explain(
    error: ValidationError,
    tree: MapNode,
    model: type[BaseModel],
    shorten: Shorten,
    notes: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Problem]:
    """Yield the problems in a validation error.

    ``shorten`` converts a path into the form that the user wrote. ``notes``: distribution -> note
    on the problems of its components.
    """
    root = Owner("", model)
    mistakes = [read_mistake(details, tree, root) for details in error.errors(include_url=False)]
    reporter = _Reporter(tree, shorten)
    for group in by_union(mistakes):
        if not reporter.is_broken(group[0].path):
            problem, provider = reporter.report(group), group[0].owner.provider
            added = (notes[provider],) if provider in notes else ()
            yield replace(problem, notes=(*problem.notes, *added))


class _Reporter:
    """Turns mistakes into problems; the tree supplies locations and source texts."""

    def __init__(self, tree: MapNode, shorten: Shorten) -> None:
        self._tree = tree
        self._shorten = shorten

    def report(self, group: Sequence[Mistake]) -> Problem:
        """Return one problem for a group of mistakes."""
        mistake = group[0]
        if mistake.kind in _UNKNOWN_KEY:
            return Problem(self._key(mistake.path), self._unknown_key(mistake))
        if mistake.kind in MISSING:
            return Problem(self._component(mistake.path[:-1]), self._missing(mistake))
        if mistake.kind == "key":
            key = f"key '{mistake.path[-1]}'"
            message = f"{self._name(mistake.path[:-1])}: {key}: {self._reason(mistake)}"
            return Problem(self._key(mistake.path), message)
        if len(group) == 1 and mistake.context.get("message") and mistake.kind == FAULT:
            place = {"key": self._key, "value": self._value, "component": self._component}
            location = place[mistake.context["at"]](mistake.path)
            return Problem(location, mistake.context["message"], tuple(mistake.context["notes"]))
        return Problem(self._value(mistake.path), self._wrong_value(group))

    def is_broken(self, path: Sequence[Segment]) -> bool:
        """Return whether this error only follows from a problem that is already recorded."""
        node = self._node(path)
        name = child(node, "type")
        return any(isinstance(n, ScalarNode) and n.broken for n in (node, name))

    def _node(self, path: Sequence[Segment]) -> Node:
        *_, node = descend(self._tree, path)
        return node

    def _key(self, path: Sequence[Segment]) -> Location:
        return key_location(self._tree, path) or anchor(self._node(path))

    def _value(self, path: Sequence[Segment]) -> Location:
        return self._node(path).location

    def _component(self, path: Sequence[Segment]) -> Location:
        return anchor(self._node(path))

    def _name(self, path: Sequence[Segment]) -> str:
        return format_path(self._shorten(path))

    def _unknown_key(self, mistake: Mistake) -> str:
        key, parent, owner = str(mistake.path[-1]), mistake.path[:-1], mistake.owner
        known = keys_of(annotation_at(owner.model, parent[mistake.depth :])) or {}
        if not parent:
            short = {name: None for name, long in SHORT.items() if long[0] in known}
            known = {**known, **short, "base": None}
        if owner.label and len(parent) == mistake.depth:
            known = {name: kind for name, kind in known.items() if name != "type"}
            if key in owner.wiring:
                return f"{owner.label} receives '{key}' from Pluxel: delete it"
            if not known:
                return f"{owner.label} has no parameters, so '{key}' is not allowed"
            what = f"{owner.label} has no parameter '{key}'"
        else:
            what = f"unknown key '{key}'{f' in {self._name(parent)}' if parent else ''}"
        return what + _nearest(key, known, self._name(parent))

    def _missing(self, mistake: Mistake) -> str:
        key, parent, owner = mistake.path[-1], mistake.path[:-1], mistake.owner
        known = keys_of(annotation_at(owner.model, parent[mistake.depth :])) or {}
        choices = _choices(str(key), known.get(str(key)))
        if owner.label and len(parent) == mistake.depth:
            return f"{owner.label} needs the parameter '{key}'{choices}"
        parent = self._shorten(mistake.path)[:-1]
        return f"missing '{key}'{f' in {format_path(parent)}' if parent else ''}{choices}"

    def _wrong_value(self, group: Sequence[Mistake]) -> str:
        first = group[0]
        name = self._name(first.path)
        expected = list(dict.fromkeys(one.expected for one in group if one.expected))
        if not expected:
            return f"{name}: {self._reason(first)}" if name else self._reason(first)
        node = self._node(first.path)
        hint = instead(node, expected)
        return f"{name}: expected {' or '.join(expected)}, not {describe(node)}{hint}"

    def _reason(self, mistake: Mistake) -> str:
        text = mistake.message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return text if text != mistake.message else text[:1].lower() + text[1:]


def _choices(key: str, annotation: Any) -> str:
    """Return the values of a key of a few words or numbers, with an example; else nothing."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is not Literal:
        return ""
    *others, last = values = [str(one) for one in get_args(annotation)]
    listed = f"{', '.join(others)} or {last}" if others else last
    return f": it is {listed}, such as  {key}: {values[0]}"


def _nearest(key: str, known: Mapping[str, Any], parent: str) -> str:
    """Return a hint: where the key belongs, a similar key, or the list of known keys."""
    if places := [".".join(filter(None, [parent, place])) for place in _below(key, known)]:
        return f". It belongs to {' or '.join(places)}"
    listed = f". Known keys: {', '.join(sorted(known))}" if 0 < len(known) <= _LISTED else ""
    return suggestion(key, known) or listed


def _below(key: str, known: Mapping[str, Any], depth: int = _DEPTH) -> Iterator[str]:
    """Yield the paths below ``known`` at which a key is allowed."""
    for name, annotation in known.items() if depth else ():
        inner = keys_of(annotation) or {}
        if key in inner:
            yield name
        for deeper in _below(key, inner, depth - 1):
            yield f"{name}.{deeper}"
