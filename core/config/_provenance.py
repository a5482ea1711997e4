"""Record the versions that write a configuration; check those that read it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...registry import Host
from ..common.version import __version__
from ._dump import of_phase
from .sections.pipeline import PipelineConfig
from .sections.plain import factories
from .tree.layers import PROVENANCE
from .tree.nodes import ListNode, MapNode, Node, ScalarNode, Segment, child, is_whole
from .tree.paths import expand, format_path
from .tree.problems import Problem

_OWN = "pluxel"


def provenance(
    pipelines: Sequence[PipelineConfig],
    written: Mapping[str, Any],
    phases: Mapping[str, MapNode],
    host: Host,
) -> dict[str, Any]:
    """Return the versions of Pluxel and of each distribution that provides a component.

    Also the paths in ``written``, the pipelines as a run keeps them, that nobody set. ``phases``:
    the tree of each phase.
    """
    used = (factory for pipeline in pipelines for factory in factories(pipeline))
    names = {factory.component.provider for factory in used}
    versions = {name: _version(name, host) or None for name in sorted(names)}
    defaults = sorted(map(format_path, default_paths(written, [*phases.values()])))
    recorded = {"version": _version(_OWN, host) or None, "providers": versions}
    return recorded | ({"defaults": defaults} if defaults else {})


def default_paths(
    written: Mapping[str, Any], trees: Sequence[MapNode]
) -> Iterator[tuple[Segment, ...]]:
    """Yield the paths of parameters of components that no tree sets; ``trees``: by phase."""
    for path in _places(written):
        index, inner = of_phase(path)
        node: Node | None = trees[-1 if index is None else index]
        for step in expand(inner):
            node = child(node, step) if node else None
        value: Any = written
        for step in path:
            value = value[step]
        yield from _unset(value, node, path)


def _places(written: Mapping[str, Any]) -> Iterator[tuple[Segment, ...]]:
    """Yield the paths of the components of a pipeline, in the short or the long form."""
    for key in ("backbone", "decoder", "loss", "dataset"):
        if key in written:
            yield (key,)
    for section, parts in (("streams", ["backbone"]), ("heads", ["decoder", "loss"])):
        for name, parameters in written.get(section, {}).items():
            yield from ((section, name, part) for part in parts if part in parameters)
    metrics = written.get("evaluation", {}).get("metrics", ())
    yield from (("evaluation", "metrics", index) for index in range(len(metrics)))
    trackers = written.get("training", {}).get("trackers", ())
    yield from (("training", "trackers", index) for index in range(len(trackers)))
    for index, phase in enumerate(written.get("training", {}).get("phases", ())):
        yield from (("training", "phases", index, *path) for path in _places(phase))


def _unset(
    value: Any, node: Node | None, path: tuple[Segment, ...]
) -> Iterator[tuple[Segment, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        entry = node.entries.get(str(key)) if isinstance(node, MapNode) else None
        following = child(node, key) if node else None
        if following is None and node and is_whole(node, (key,)):
            following = node
        if following is None or (entry and entry.default):
            yield (*path, key)
        elif isinstance(inner, dict | list):
            yield from _unset(inner, following, (*path, key))


def absent_providers(tree: MapNode, host: Host, unread: Collection[str] = ()) -> Iterator[Problem]:
    """Yield a problem for each required distribution that is not installed, or not loaded.

    A distribution that only provides components of ``unread`` sections is not required.
    """
    for name, version, node in _recorded(tree):
        if host.provider(name) or name == _OWN:
            continue
        if unread and not _is_named(f"{name}/", tree, {*unread, PROVENANCE}):
            continue
        required, notes = f"{name} {version}".strip(), ()
        if reason := host.absence(name):
            failure = host.failure(name)
            notes = (str(failure), *failure.notes) if failure else ()
        elif name.endswith(".py"):
            reason = f"is not loaded: pass --plugin {name}"
        else:
            reason = f"is not installed: pip install '{name}{f'>={version}' if version else ''}'"
        yield Problem(
            node.location, f"this file was written with {required}, which {reason}", notes
        )


def _is_named(prefix: str, node: Node, unread: Collection[str]) -> bool:
    """Return whether a value outside of ``unread`` keys begins with a prefix."""
    if isinstance(node, MapNode):
        read = (entry.node for key, entry in node.entries.items() if key not in unread)
        return any(_is_named(prefix, each, unread) for each in read)
    if isinstance(node, ListNode):
        return any(_is_named(prefix, each, unread) for each in node.items)
    return node.text.startswith(prefix)


def outdated_providers(tree: MapNode, host: Host) -> Iterator[Problem]:
    """Yield a problem for each distribution that is older than the one that wrote the file."""
    for name, version, node in _recorded(tree):
        here = _version(name, host)
        if here and _release(here) < _release(version):
            remedy = f"pip install --upgrade '{name}>={version}'"
            message = f"this file was written with {name} {version}; {here} is installed: {remedy}"
            yield Problem(node.location, message)


def newer_providers(tree: MapNode, host: Host) -> Iterator[tuple[str, str]]:
    """Yield each distribution that is newer than the one that wrote the file, and a note on it."""
    for name, version, _ in _recorded(tree):
        here = _version(name, host)
        if version and _release(here) > _release(version):
            remedy = f"pip install '{name}=={version}'"
            versions = f"this file was written with {name} {version}; {here} is installed"
            yield name, f"{versions}: {remedy}"


def _recorded(tree: MapNode) -> Iterator[tuple[str, str, ScalarNode]]:
    block = tree.get(PROVENANCE)
    if not isinstance(block, MapNode):
        return
    own, providers = block.get("version"), block.get("providers")
    named = {_OWN: own} if own else {}
    if isinstance(providers, MapNode):
        named |= {name: entry.node for name, entry in providers.entries.items()}
    for name, node in named.items():
        if isinstance(node, ScalarNode):
            yield name, "" if node.value is None else node.text, node


def _version(name: str, host: Host) -> str:
    if provider := host.provider(name):
        return provider.version
    if name != _OWN:
        return ""
    return __version__.replace("unknown", "")


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version without trailing zeros, so that 1.2 equals 1.2.0."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
