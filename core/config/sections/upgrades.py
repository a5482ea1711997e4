"""Follow parameters that a plugin renamed or dropped since a file was written."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import replace

from ...common.logs import log_once
from ...contracts.annotations import keys_of, takes_text
from ..tree.nodes import Entry, ListNode, MapNode, Node, ScalarNode
from ..tree.problems import Problems
from .places import AnnotatedPlace


def upgrade(node: Node, place: AnnotatedPlace, unread: Container[str], problems: Problems) -> Node:
    """Return a tree with the present names of parameters.

    Defaults that a run recorded are left out if the component no longer has the parameter. An
    environment variable such as ``007`` becomes text where only text is accepted.
    ``unread``: kinds of components that are not imported.
    """
    if isinstance(node, ListNode):
        numbered = enumerate(node.items)
        items = (upgrade(one, place.inside(str(i)), unread, problems) for i, one in numbered)
        return replace(node, items=tuple(items))
    if isinstance(node, ScalarNode) and node.variable and takes_text(place.annotation, node.value):
        return replace(node, value=node.text)
    if not isinstance(node, MapNode) or (place.kind or "") in unread:
        return node
    entries = {
        key: replace(entry, node=upgrade(entry.node, place.inside(key, node), unread, problems))
        for key, entry in node.entries.items()
    }
    name = node.get("type")
    if place.kind and isinstance(name, ScalarNode):
        entries = _of_component(entries, place, str(name.value), problems)
    elif (known := keys_of(place.annotation)) is not None:
        entries = {k: e for k, e in entries.items() if k in known or not e.default}
    return replace(node, entries=entries)


def _of_component(
    entries: dict[str, Entry], place: AnnotatedPlace, name: str, problems: Problems
) -> dict[str, Entry]:
    signature = place.signature(name)
    if signature is None:
        return entries
    label, known = f"{place.kind} '{name}'", {"type", *(keys_of(signature.parameters) or {})}
    kept: dict[str, Entry] = {}
    for old, entry in entries.items():
        key = signature.renamed.get(old, old)
        if key not in known and entry.default:
            text = f"{label} no longer has the parameter '{key}', which nobody set"
            log_once(logging.WARNING, f"{entry.key}: {text}")
            continue
        if key != old:
            log_once(logging.WARNING, f"{label}: parameter '{old}' is now called '{key}'")
        other = kept.get(key)
        if other and other.key.file == entry.key.file and other.default == entry.default:
            text = f"{label}: parameter '{key}' is also given under its former name"
            problems.add(entry.key, text)
        if other is None or _is_above(entry, other):
            kept[key] = entry
    return kept


def _is_above(entry: Entry, other: Entry) -> bool:
    """Return whether an entry overrides another one of the same parameter."""
    if other.default != entry.default:
        return other.default
    one, two = (each.key for each in (entry, other))
    if (one.override is None) != (two.override is None):
        return one.override is not None
    return one.rank < two.rank  # a file has a lower rank than its bases
