"""From files and the command line to a valid pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from ...registry import Host, PluxelError
from ..common.logs import logger
from ._config import Config
from ._provenance import absent_providers, outdated_providers
from .messages.annotations import prune_nulls
from .messages.explain import explain
from .sections.pipeline import PipelineConfig
from .tree.files import display, find_file
from .tree.layers import read_layers
from .tree.merge import merge
from .tree.nodes import MapNode, plain
from .tree.overrides import parse_overrides
from .tree.problems import Problems
from .tree.references import resolve_references
from .tree.short import complete, shorten

Root = TypeVar("Root", bound=BaseModel)


def load_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    environment: Mapping[str, str] = os.environ,
    unread: Collection[str] = (),
) -> Config:
    """Read a configuration, lay ``overrides`` (``key.path=value``) over it and validate all of it.

    ``path`` is a file or the name of a shipped configuration. ``unread``: ``augment`` and kinds of
    components that the caller does not use: they are neither imported nor checked.

    Raises: ConfigError with everything that is wrong, in file order; PluxelError if there is no
    such file, or if it describes word vectors.
    """
    file = read_file(path)
    if _describes_words(file.tree):
        raise PluxelError(
            f"{display(file.source)} describes word vectors, not a pipeline; such as pluxel "
            "similar read it: --config"
        )
    return pipeline_of(file, overrides, host, environment, unread)


def _describes_words(tree: MapNode) -> bool:
    if "streams" in tree.entries:  # every pipeline has them
        return False
    # It imports the search of neighbors, which no pipeline needs.
    from .sections.embedding import is_embedding  # noqa: PLC0415

    return is_embedding(tree)


class Layers(NamedTuple):
    """A file laid over its bases, and what was wrong with them."""

    source: Path
    tree: MapNode
    problems: Problems


def read_file(path: str | Path) -> Layers:
    """Read a file, or a shipped configuration by its name, with its bases.

    Raises: PluxelError if there is no such file.
    """
    source, problems = find_file(path, Path()), Problems()
    return Layers(source, read_layers(source, problems), problems)


def pipeline_of(
    file: Layers,
    overrides: Sequence[str],
    host: Host,
    environment: Mapping[str, str],
    unread: Collection[str] = (),
) -> Config:
    """Return the pipeline that a file describes. Raises: as `load_config`."""
    problems = file.problems
    layer = parse_overrides(overrides, problems)
    tree = whole(complete(file.tree), layer, environment, problems)
    pipeline = validate(tree, PipelineConfig, host, problems, unread)
    outdated = list(outdated_providers(tree, host))
    if pipeline is None:
        problems.extend(outdated)  # which may explain it
    problems.stop_if_any()
    assert pipeline is not None
    for problem in outdated:
        logger.warning("%s", problem)
    # What wrote a file is no part of what the file means.
    return Config(tree, host, pipeline.model_copy(update={"pluxel": None}), file.source)


def whole(
    tree: MapNode, layer: MapNode, environment: Mapping[str, str], problems: Problems
) -> MapNode:
    """Return a tree with the command line over it, and all references resolved."""
    problems.stop_if_fatal()
    merged = merge(tree, layer, problems)
    assert isinstance(merged, MapNode)  # as a mapping over a mapping is
    resolved = resolve_references(merged, environment, problems)
    problems.stop_if_fatal()
    return resolved


def validate(
    tree: MapNode,
    model: type[Root],
    host: Host,
    problems: Problems,
    unread: Collection[str] = (),
) -> Root | None:
    """Return what a tree describes, or None after adding what is wrong to ``problems``."""
    problems.extend(absent_providers(tree, host))
    # As JSON, because only there a list may be strict and become a tuple all the same.
    text = json.dumps(prune_nulls(plain(tree), model))
    try:
        return model.model_validate_json(
            text, strict=True, context={"host": host, "unread": unread}
        )
    except ValidationError as error:
        problems.extend(explain(error, tree, model, partial(shorten, tree=tree)))
        return None
