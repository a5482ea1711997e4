"""Split a configuration with ``training.phases`` into one complete configuration per phase.

A phase is a layer over the rest of the configuration: what it does not set, it has in common with
the other phases. Its keys are those of ``training``, and ``decoder``, ``loss``, ``heads`` and
``augment``. Everything else defines what the weights mean, and stays the same throughout a run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from ....registry import did_you_mean
from .merge import Place, merge
from .nodes import Entry, ListNode, Location, MapNode, Node, ScalarNode
from .problems import Problems
from .short import expand_short

PHASE_NAME = "^[a-z0-9][a-z0-9_-]*$"


class Keys(NamedTuple):
    """The keys of a phase, of ``training``, of a head in a phase, and of the whole file."""

    phase: Collection[str]
    training: Collection[str]
    head: Collection[str]
    run: Collection[str]


class Phase(NamedTuple):
    """A phase and its complete configuration, in which ``training`` has no phases."""

    name: str
    tree: MapNode


def split_phases(tree: MapNode, place: Place, keys: Keys, problems: Problems) -> list[Phase]:
    """Return the phases of a tree in the long form; without phases, the tree as its only one.

    ``problems`` receives the mistakes of the list itself.
    """
    training = tree.get("training")
    listed = training.get("phases") if isinstance(training, MapNode) else None
    if listed is None or not isinstance(training, MapNode):
        return [Phase("", tree)]
    base = without_phases(tree)
    if isinstance(listed, ScalarNode) and listed.value is None:
        return [Phase("", base)]
    if not isinstance(listed, ListNode):
        problems.add(listed.location, "training.phases is a list of phases, such as - {steps: 100}")
        return [Phase("", base)]
    phases: dict[str, Phase] = {}
    for number, item in enumerate(listed.items, start=1):
        if not isinstance(item, MapNode):
            problems.add(item.location, "a phase is a mapping, such as {steps: 100}")
            continue
        name = _name(item, number, phases, problems)
        layer = _layer(item, base, keys, problems)
        merged = merge(base, layer, place, problems)
        assert isinstance(merged, MapNode)  # merging mappings yields a mapping
        phases[name] = Phase(name, merged)
    return [*phases.values()] or [Phase("", base)]


def without_phases(tree: MapNode) -> MapNode:
    """Return a tree in the long form without the key ``training.phases``."""
    entry = tree.entries.get("training")
    if entry is None or not isinstance(entry.node, MapNode):
        return tree
    rest = Entry(entry.key, entry.node.without("phases"), entry.default)
    return MapNode({**tree.entries, "training": rest}, tree.location, tree.path, tree.implied)


def _name(item: MapNode, number: int, others: Collection[str], problems: Problems) -> str:
    """Return the name of a phase, by default its number."""
    node = item.get("name") or ScalarNode(number, str(number), item.location)
    is_scalar = isinstance(node, ScalarNode)
    name = node.text if is_scalar and type(node.value) in (str, int) else ""
    if not re.fullmatch(PHASE_NAME, name):
        problems.add(
            node.location,
            f"'{name}' is not a valid name of a phase: use lowercase letters, digits, '_' and '-'",
        )
    elif name in others:
        why = "" if "name" in item.entries else "; a phase without a name is called by its number"
        problems.add(node.location, f"two phases are called '{name}'{why}")
    return name


def _layer(item: MapNode, base: MapNode, keys: Keys, problems: Problems) -> MapNode:
    """Return what a phase sets as a layer over the whole configuration."""
    for key, entry in item.entries.items():
        if key in keys.phase:
            continue
        if key == "training":
            message = "a phase contains the keys of 'training' themselves, such as {steps: 100}"
        elif key in keys.run:
            message = f"a phase cannot set '{key}', which is the same throughout a run"
        else:
            message = f"a phase has no key '{key}'.{did_you_mean(key, keys.phase)}"
        problems.add(entry.key, message)
    given = {key: entry for key, entry in item.entries.items() if key in keys.phase}
    inside = {key: entry for key, entry in given.items() if key in keys.training}
    outside = {key: one for key, one in given.items() if key not in inside and key != "name"}
    training = Entry(item.location, MapNode(inside, item.location, implied=True))
    layer = MapNode({**outside, "training": training}, item.location, implied=True)
    layer = expand_short(layer, problems)
    heads, others = layer.get("heads"), base.get("heads")
    if not isinstance(heads, MapNode) or not isinstance(others, MapNode):
        return layer
    kept = MapNode(
        dict(_known_heads(heads, others, keys.head, problems)), heads.location, heads.path, True
    )
    entry = Entry(layer.entries["heads"].key, kept)
    return MapNode({**layer.entries, "heads": entry}, layer.location, implied=True)


def _known_heads(
    heads: MapNode, known: MapNode, keys: Collection[str], problems: Problems
) -> Iterator[tuple[str, Entry]]:
    for name, entry in heads.entries.items():
        if name not in known.entries:
            hint = did_you_mean(name, known.entries)
            problems.add(entry.key, f"a phase cannot add a head: there is no head '{name}'.{hint}")
            continue
        for key, inner in entry.node.entries.items() if isinstance(entry.node, MapNode) else ():
            if key not in keys:
                problems.add(inner.key, f"a phase sets {', '.join(keys)} of a head, not '{key}'")
        yield name, entry


def overridden(node: Node) -> Iterator[Location]:
    """Yield the location of every value that an override sets."""
    if isinstance(node, MapNode):
        inner: Iterator[Node] = (entry.node for entry in node.entries.values())
    else:
        inner = iter(node.items if isinstance(node, ListNode) else ())
    if node.location.override is not None and not (isinstance(node, MapNode) and node.path):
        yield node.location
    for one in inner:
        yield from overridden(one)
