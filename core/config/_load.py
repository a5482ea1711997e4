"""From files and the command line to a valid configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from ...registry import Host
from ..logs import logger
from ._annotations import prune_nulls
from ._config import Config
from ._explain import explain
from ._files import find_file
from ._layers import read_layers
from ._merge import merge
from ._nodes import MapNode, plain
from ._overrides import parse_overrides
from ._pipeline import PipelineConfig
from ._problems import Problems
from ._provenance import absent_providers, outdated_providers
from ._references import resolve_references
from ._short import complete, shorten


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
    such file.
    """
    source = find_file(path, Path())
    problems = Problems()
    tree = complete(read_layers(source, problems))
    layer = parse_overrides(overrides, problems)
    problems.stop_if_fatal()
    tree = merge(tree, layer, problems)
    assert isinstance(tree, MapNode)  # as a mapping over a mapping is
    tree = resolve_references(tree, environment, problems)
    problems.stop_if_fatal()
    pipeline = _validate(tree, host, problems)
    outdated = list(outdated_providers(tree, host))
    if pipeline is None:
        problems.extend(outdated)  # which may explain it
    problems.stop_if_any()
    assert pipeline is not None
    for problem in outdated:
        logger.warning("%s", problem)
    # What wrote a file is no part of what the file means.
    return Config(pipeline.model_copy(update={"pluxel": None}), source, tree, host)


def _validate(tree: MapNode, host: Host, problems: Problems) -> PipelineConfig | None:
    problems.extend(absent_providers(tree, host))
    # As JSON, because only there a list may be strict and become a tuple all the same.
    text = json.dumps(prune_nulls(plain(tree), PipelineConfig))
    try:
        return PipelineConfig.model_validate_json(text, strict=True, context={"host": host})
    except ValidationError as error:
        problems.extend(explain(error, tree, PipelineConfig, partial(shorten, tree=tree)))
        return None
