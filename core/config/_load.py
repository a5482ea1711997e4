"""From files and the command line to a valid configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from ...registry import Host, PluxelError
from ..common.logs import logger
from ._config import Config, WordsConfig
from ._provenance import absent_providers, outdated_providers
from .messages.annotations import prune_nulls
from .messages.explain import explain
from .sections.embedding import EmbeddingConfig, is_embedding, long_path
from .sections.pipeline import PipelineConfig
from .tree.files import display, find_file
from .tree.layers import read_layers
from .tree.merge import merge
from .tree.nodes import Location, MapNode, plain
from .tree.overrides import RANK, parse_overrides
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
) -> Config:
    """Read a configuration, lay ``overrides`` (``key.path=value``) over it and validate all of it.

    ``path`` is a file or the name of a configuration that is shipped.
    Raises: ConfigError with everything that is wrong, in file order; PluxelError if there is no
    such file, or if it describes word vectors.
    """
    file = _read(path)
    if is_embedding(file.tree):
        raise PluxelError(
            f"{display(file.source)} describes word vectors, not a pipeline; such as pluxel "
            "similar read it: --config"
        )
    return _pipeline(file, overrides, host, environment)


def load_words(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    environment: Mapping[str, str] = os.environ,
) -> WordsConfig:
    """Read a configuration of word vectors, as `load_config` reads one of a pipeline.

    Without ``path``, the overrides say it all: ``embedding=glove``. A path of theirs that begins
    with no key of the file is one of the embedding's: ``dim=50`` is ``embedding.dim=50``.
    Raises: ConfigError with everything that is wrong, in file order; PluxelError if there is no
    such file, or if it describes a pipeline.
    """
    nothing = MapNode(MappingProxyType({}), Location("command line", rank=RANK))
    file = _File(Path(), nothing, Problems()) if path is None else _read(path)
    if file.tree.entries and not is_embedding(file.tree):
        raise PluxelError(
            f"{display(file.source)} describes a pipeline; word vectors are written "
            "'embedding: {type: …}'"
        )
    return _words(file, overrides, host, environment)


def load_any(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    environment: Mapping[str, str] = os.environ,
) -> Config | WordsConfig:
    """Read a configuration of either kind: its keys tell which.

    Raises: as `load_config`.
    """
    file = _read(path)
    load = _words if is_embedding(file.tree) else _pipeline
    return load(file, overrides, host, environment)


class _File(NamedTuple):
    """A file laid over its bases, and what was wrong with them."""

    source: Path
    tree: MapNode
    problems: Problems


def _read(path: str | Path) -> _File:
    source, problems = find_file(path, Path()), Problems()
    return _File(source, read_layers(source, problems), problems)


def _pipeline(
    file: _File, overrides: Sequence[str], host: Host, environment: Mapping[str, str]
) -> Config:
    problems = file.problems
    layer = parse_overrides(overrides, problems)
    tree = _whole(complete(file.tree), layer, environment, problems)
    pipeline = _validate(tree, PipelineConfig, host, problems)
    outdated = list(outdated_providers(tree, host))
    if pipeline is None:
        problems.extend(outdated)  # which may explain it
    problems.stop_if_any()
    assert pipeline is not None
    for problem in outdated:
        logger.warning("%s", problem)
    # What wrote a file is no part of what the file means.
    return Config(tree, host, pipeline.model_copy(update={"pluxel": None}), file.source)


def _words(
    file: _File, overrides: Sequence[str], host: Host, environment: Mapping[str, str]
) -> WordsConfig:
    layer = parse_overrides(overrides, file.problems, long_path)
    tree = _whole(file.tree, layer, environment, file.problems)
    settings = _validate(tree, EmbeddingConfig, host, file.problems)
    file.problems.stop_if_any()
    assert settings is not None
    return WordsConfig(tree, host, settings, file.source)


def _whole(
    tree: MapNode, layer: MapNode, environment: Mapping[str, str], problems: Problems
) -> MapNode:
    """Return a tree with the command line over it, and all references resolved."""
    problems.stop_if_fatal()
    merged = merge(tree, layer, problems)
    assert isinstance(merged, MapNode)  # as a mapping over a mapping is
    resolved = resolve_references(merged, environment, problems)
    problems.stop_if_fatal()
    return resolved


def _validate(tree: MapNode, model: type[Root], host: Host, problems: Problems) -> Root | None:
    problems.extend(absent_providers(tree, host))
    # As JSON, because only there a list may be strict and become a tuple all the same.
    text = json.dumps(prune_nulls(plain(tree), model))
    try:
        return model.model_validate_json(text, strict=True, context={"host": host})
    except ValidationError as error:
        problems.extend(explain(error, tree, model, partial(shorten, tree=tree)))
        return None
