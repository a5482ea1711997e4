"""Convert valid configurations to plain values, with defaults and qualified names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .sections.network import HeadConfig, StreamConfig
from .sections.phases import PhaseHeadConfig
from .sections.pipeline import PipelineConfig
from .sections.plain import to_plain
from .sections.training import TrainingConfig
from .tree.nodes import Segment
from .tree.paths import SHORT

_PHASES = ("training", "phases")

Plain = dict[str, Any]


def pipelines_tree(phases: Mapping[str, PipelineConfig], *, absolute: bool) -> Plain:
    """Return the phases of a training, by name, as one tree of plain values.

    What all phases have in common is outside of ``training.phases``. The tree is in the short form
    if that loses nothing.
    """
    trees = [_plain(pipeline, absolute=absolute) for pipeline in phases.values()]
    shared, is_short = trees[-1], all(map(_fits_short, phases.values()))
    if len(trees) == 1:
        return _shorten(shared) if is_short else shared
    items: list[Plain] = [{"name": name} for name in phases]
    for path in _own_places(trees):
        values = [_at(tree, path) for tree in trees]
        if any(value != values[0] for value in values):
            del _at(shared, path[:-1])[path[-1]]
            for item, value in zip(items, values, strict=True):
                _set(item, _key_in_phase(path, is_short=is_short), value)
    shared["training"]["phases"] = items
    return _shorten(shared) if is_short else shared


def of_phase(path: tuple[Segment, ...]) -> tuple[int | None, tuple[Segment, ...]]:
    """Return the index of the phase that a path is in, or None, and its path in that phase."""
    if path[:2] != _PHASES or len(path) < 4:
        return None, path
    index, key, rest = int(path[2]), path[3], path[4:]
    is_inside = key in TrainingConfig.model_fields
    return index, ("training", key, *rest) if is_inside else (key, *rest)


def is_phase_name(path: tuple[Segment, ...]) -> bool:
    """Return whether a path is that of the name of a phase."""
    return path[:2] == _PHASES and path[3:] == ("name",)


def _plain(pipeline: PipelineConfig, *, absolute: bool) -> Plain:
    plain = to_plain(pipeline, absolute=absolute)
    del plain["pluxel"], plain["training"]["phases"]
    return plain


def _own_places(trees: Sequence[Plain]) -> Iterator[tuple[str, ...]]:
    """Yield the paths that phases may set, in the long form."""
    for head in trees[0]["heads"]:
        yield from (("heads", head, part) for part in PhaseHeadConfig.model_fields)
    yield ("augment",)
    yield from (("training", key) for key in trees[0]["training"])


def _key_in_phase(path: tuple[str, ...], *, is_short: bool) -> tuple[str, ...]:
    if path[0] == "training":
        return path[1:]
    return path[2:] if is_short and path[0] == "heads" else path


def _at(tree: Plain, path: Sequence[str]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _set(tree: Plain, path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


def _shorten(plain: Plain) -> Plain:
    short = {
        key: plain[section][name][part]
        for key, (section, name, part) in SHORT.items()
        if part in plain[section][name]
    }
    return short | {key: one for key, one in plain.items() if key not in ("streams", "heads")}


def _fits_short(pipeline: PipelineConfig) -> bool:
    """Return whether the short form can represent the pipeline."""
    streams, heads = pipeline.streams, pipeline.heads
    if [*streams] != ["image"] or [*heads] != ["semantic"]:
        return False
    return _is_default(streams["image"], input="image") and _is_default(heads["semantic"])


def _is_default(section: StreamConfig | HeadConfig, **implied: Any) -> bool:
    short = {path[-1] for path in SHORT.values()}
    return all(
        getattr(section, name) == implied.get(name, field.get_default(call_default_factory=True))
        for name, field in type(section).model_fields.items()
        if name not in short
    )
