"""Load a valid pipeline from files and overrides."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from ...registry import Host, PluxelError
from ..common.logs import logger
from ._config import Config
from ._provenance import absent_providers, newer_providers, outdated_providers
from .messages.explain import explain
from .sections.before_validation import prepare_for_validation
from .sections.factory import Factory
from .sections.phases import PhaseConfig, PhaseHeadConfig
from .sections.pipeline import PipelineConfig
from .sections.places import AnnotatedPlace, root_place
from .sections.plain import are_same
from .sections.training import TrainingConfig
from .sections.upgrades import upgrade
from .tree.files import display, find_file
from .tree.layers import read_layers
from .tree.merge import merge
from .tree.nodes import MapNode, Node, Segment, plain
from .tree.overrides import parse_overrides
from .tree.paths import SHORT
from .tree.phases import Keys, Phase, overridden, split_phases, without_phases
from .tree.problems import ConfigError, Problems
from .tree.references import resolve_references
from .tree.short import complete, shorten

Root = TypeVar("Root", bound=BaseModel)

PHASE_KEYS = Keys(
    phase=tuple(PhaseConfig.model_fields),
    training=tuple(TrainingConfig.model_fields),
    head=tuple(PhaseHeadConfig.model_fields),
    run=(*PipelineConfig.model_fields, *SHORT, "trackers"),
)


def load_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    unread: Collection[str] = (),
    phase: str | None = None,
) -> Config:
    """Read a configuration, apply ``overrides`` (``key.path=value``) and validate the result.

    ``path`` is a file or the name of a shipped configuration. ``unread`` names ``augment`` or
    component kinds that the caller does not use; these are neither imported nor checked, except
    those that ``overrides`` change. ``phase`` selects one phase of a training, to which the
    overrides then apply; without it, the result is the last phase, and knows the earlier ones.

    Raises: ConfigError with all problems, in file order; PluxelError if there is no such file, or
    if it describes word vectors.
    """
    file = read_file(path, host)
    if _describes_words(file.tree):
        raise PluxelError(
            f"{display(file.source)} describes word vectors, not a pipeline; use it with "
            "pluxel similar --config and related commands"
        )
    return pipeline_of(file, overrides, host, unread, phase)


def _describes_words(tree: MapNode) -> bool:
    if "streams" in tree.entries:  # only pipelines have them
        return False
    # This imports neighbor search, which pipelines do not need.
    from .sections.embedding import is_embedding  # noqa: PLC0415

    return is_embedding(tree)


class Layers(NamedTuple):
    """A file merged over its bases, and their problems."""

    source: Path
    tree: MapNode
    problems: Problems


def read_file(path: str | Path, host: Host) -> Layers:
    """Read a file or a shipped configuration, with its bases.

    Raises: PluxelError if there is no such file.
    """
    source, problems = find_file(path, Path()), Problems()
    return Layers(source, read_layers(source, root_place(host), problems), problems)


def pipeline_of(
    file: Layers,
    overrides: Sequence[str],
    host: Host,
    unread: Collection[str] = (),
    phase: str | None = None,
) -> Config:
    """Return the pipeline that a file describes.

    Raises: the same errors as `load_config`.
    """
    problems = file.problems
    tree, place = complete(file.tree), root_place(host)
    if phase is not None:
        tree = _selected(phase, split_phases(tree, place, PHASE_KEYS, problems), file.source)
    layer = parse_overrides(overrides, tree, place, problems)
    # A mistake in an override must not pass in silence, whether or not its section is used.
    unread = frozenset(unread).difference(_keys(layer))
    tree = whole(tree, layer, place, problems, unread)
    phases = split_phases(tree, place, PHASE_KEYS, problems)
    pipelines = [validate(each, PipelineConfig, host, problems, unread) for _, each in phases]
    outdated = list(outdated_providers(tree, host))
    if None in pipelines:
        problems.extend(outdated)  # which may explain the errors
    _report_lost(layer, phases, problems)
    problems.stop_if_any()
    for problem in outdated:
        logger.warning("%s", problem)
    configs: list[Config] = []
    for (name, each), pipeline in zip(phases, pipelines, strict=True):
        assert pipeline is not None
        # The versions that wrote a file do not affect its meaning.
        valid = pipeline.model_copy(update={"pluxel": None})
        configs.append(Config(each, host, valid, file.source, name))
    return replace(configs[-1], earlier=tuple(configs[:-1]))


def _selected(name: str, phases: Sequence[Phase], source: Path) -> MapNode:
    """Return the tree of the phase with a name, or of a file without phases, which is one."""
    trees = dict(phases)
    if [*trees] == [""]:
        return trees[""]
    if name not in trees:
        raise PluxelError(
            f"{display(source)} has no phase '{name}'; it has {', '.join(trees) or 'none'}"
        )
    return trees[name]


def _report_lost(layer: MapNode, phases: Sequence[Phase], problems: Problems) -> None:
    """Add a problem for each override whose value every phase replaces by its own."""
    if not phases[0].name:  # the only configuration, which takes every override
        return
    effective = {at for _, tree in phases for at in overridden(tree)}
    for at in overridden(without_phases(layer)):
        if at not in effective:
            problems.add(
                at,
                "has no effect, because every phase sets this value: override it in a phase, as "
                "in training.phases.0.steps=100",
            )


def check_record(config: Config) -> None:
    """Check that what a run keeps of a configuration loads as the same configuration.

    A type of a plugin may accept values that it does not keep.

    Raises: ConfigError at the component whose parameter is not read back.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config.dump(), encoding="utf-8")
        try:
            again = load_config(path, host=config.host)
        except ConfigError as error:
            reasons = "; ".join(problem.message for problem in error.problems)
            raise PluxelError(
                f"a run with this configuration could not be opened: {reasons}"
            ) from error
    for each, other in zip(config.phases, again.phases, strict=True):
        read_back = dict(_components(other.pipeline))
        for place, factory in _components(each.pipeline):
            with each.at(*place):
                _check_kept(factory, read_back[place].params)


def _check_kept(factory: Factory[Any], read_back: Mapping[str, Any]) -> None:
    for name, value in factory.params.items():
        if not are_same(value, read_back.get(name)):
            raise PluxelError(
                f"{factory}: a run would not keep the value of parameter '{name}': it is "
                f"{value!r}, and would be read back as {read_back.get(name)!r}"
            )


def _components(pipeline: PipelineConfig) -> Iterator[tuple[tuple[Segment, ...], Factory[Any]]]:
    """Yield the place of each component, and the component."""
    for name, stream in pipeline.streams.items():
        yield ("streams", name, "backbone"), stream.backbone
    for name, head in pipeline.heads.items():
        yield ("heads", name, "decoder"), head.decoder
        yield ("heads", name, "loss"), head.loss
    yield ("dataset",), pipeline.dataset
    for index, metric in enumerate(pipeline.evaluation.metrics):
        yield ("evaluation", "metrics", index), metric
    for index, tracker in enumerate(pipeline.training.trackers):
        yield ("training", "trackers", index), tracker


def _keys(node: Node) -> Iterator[str]:
    """Yield the keys of a tree of mappings, at any depth."""
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield key
            yield from _keys(entry.node)


def whole(
    tree: MapNode,
    layer: MapNode,
    place: AnnotatedPlace,
    problems: Problems,
    unread: Collection[str] = (),
) -> MapNode:
    """Return a tree with overrides merged, references resolved and present names."""
    problems.stop_if_fatal()
    merged = merge(tree, layer, place, problems)
    assert isinstance(merged, MapNode)  # merging mappings yields a mapping
    resolved = resolve_references(merged, os.environ, problems)
    problems.stop_if_fatal()
    present = upgrade(resolved, place, unread, problems)
    assert isinstance(present, MapNode)
    return present


def validate(
    tree: MapNode,
    model: type[Root],
    host: Host,
    problems: Problems,
    unread: Collection[str] = (),
) -> Root | None:
    """Return the model that a tree describes, or None after adding errors to ``problems``."""
    problems.extend(absent_providers(tree, host, unread))
    # Use JSON: only in JSON mode does strict validation accept a list for a tuple.
    text = json.dumps(prepare_for_validation(plain(tree), model))
    try:
        return model.model_validate_json(
            text, strict=True, context={"host": host, "unread": unread}
        )
    except ValidationError as error:
        notes = dict(newer_providers(tree, host))
        problems.extend(explain(error, tree, model, partial(shorten, tree=tree), notes))
        return None
