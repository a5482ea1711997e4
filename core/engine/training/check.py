"""Find mistakes in a training before it starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ....registry import PluxelError
from ...common.files import is_missing_file
from ...config._config import Config
from ...config.tree.problems import ConfigError, Problem
from ...contracts.offers import offers
from ...contracts.optional import ChecksPretrained
from ...embeddings import without_downloads
from ...model.build import build_objective
from ...model.network import SegmentationModel
from ..preparation import Prepared
from ..run import weights_file
from .monitor import check_monitor
from .optimizer import build_optimizer


def check_training(prepared: Prepared) -> list[str]:
    """Check everything that needs no memory for weights; download nothing.

    Returns notes on missing data and weights files, which may be on another machine or come from a
    run that does not exist yet. If the data are missing, checks that depend on their classes are
    skipped.

    Raises: ConfigError with all mistakes.
    """
    config, model = prepared.config, prepared.model
    spaces = prepared.blueprint.label_spaces() if prepared.datasets else None
    checks: list[Callable[[], object]] = [
        partial(_check_roles, config),
        partial(_check_groups, config, model),
        partial(check_monitor, config, spaces),
    ]
    notes = [f"missing data: {error}" for error in [*prepared.missing.values()][:1]]
    if spaces is not None:
        building = partial(build_objective, config, model, spaces, lambda _head: [])
        checks.append(lambda: notes.extend(_missing_files(building)))
    finding = partial(_find_files, config, model)
    checks.append(lambda: notes.extend(_missing_files(finding)))
    with without_downloads():
        _run_all(checks)
    return notes


def _run_all(checks: list[Callable[[], object]]) -> None:
    problems: list[Problem] = []
    for check in checks:
        try:
            check()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _check_roles(config: Config) -> None:
    splits = config.pipeline.splits
    with config.at("splits"):
        if "train" not in splits:
            raise PluxelError("splits: no split for training; add 'train: NAME'")


def _check_groups(config: Config, model: SegmentationModel) -> None:
    options = config.pipeline.training
    with config.at("training", "groups"):
        build_optimizer(model, options.optimizer, options.groups)


def _missing_files(check: Callable[[], object]) -> list[str]:
    """Return the missing files that a check reports; raise other mistakes."""
    try:
        check()
    except ConfigError as error:
        if is_missing_file(error):
            return [str(problem) for problem in error.problems]
        raise
    return []


def _find_files(config: Config, model: SegmentationModel) -> None:
    if (source := config.pipeline.init_from) is not None:
        with config.at("init_from"):
            weights_file(source)
    for name, head in model.heads.items():
        for decoder in head.decoders.values():
            with config.at("heads", name, "decoder"):
                if offers(decoder, ChecksPretrained):
                    decoder.check_pretrained()
    if config.pipeline.init_from is not None:
        return  # its weights may replace those that would be downloaded
    for name, stream in model.streams.items():
        with config.at("streams", name, "backbone", "pretrained"):
            if offers(stream.backbone, ChecksPretrained):
                stream.backbone.check_pretrained()
