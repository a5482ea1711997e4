"""Describe the network of a configuration or of a run, without values for its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...registry import Host, PluxelError
from ..common.text import extent
from ..config._config import Config
from ..config._load import load_config
from ..geometry.regions import Size
from ..model.blueprint import Blueprint
from ..model.build import build_without_memory
from ..model.network import SegmentationModel
from ..model.summary import ModelSummary, summarize
from .preparation import prepare
from .trained import NOT_OF_THE_MODEL, open_trained
from .training.optimizer import freeze


@dataclass(frozen=True)
class Description:
    """The summary of a network, and what it assumes about missing data."""

    summary: ModelSummary
    notes: Sequence[str] = ()


def describe(
    source: str,
    overrides: Sequence[str] = (),
    *,
    size: Size,
    depth: int | None = None,
    host: Host,
) -> Description:
    """Describe a configuration, by file or name, or the run in a directory.

    ``size``: height and width of the image. ``depth``: levels of modules to open, see `summarize`.

    Raises: the errors of `prepare` and `open_trained`; PluxelError if the network does not run.
    """
    is_run = Path(source).is_dir()
    config, blueprint, model, notes = (
        _of_run(Path(source), overrides, host) if is_run else _of_config(source, overrides, host)
    )
    freeze(model, config.pipeline.training.groups)
    try:
        return Description(summarize(model, blueprint.channels, size, depth), notes)
    except PluxelError:
        raise
    except Exception as error:
        raise PluxelError(
            f"the network cannot be described for an image of {extent(size)} pixels (height × "
            "width), because it fails in prediction or in training, tried on a tensor without data",
            [f"{type(error).__name__}: {error}"],
        ) from error


_Opened = tuple[Config, Blueprint, SegmentationModel, list[str]]


def _of_run(directory: Path, overrides: Sequence[str], host: Host) -> _Opened:
    """Open a run as for prediction, in the phase that its weights belong to."""
    run = open_trained(directory, overrides, host=host, unread=NOT_OF_THE_MODEL)
    return run.config, run.blueprint, build_without_memory(run.config, run.blueprint), []


def _of_config(source: str, overrides: Sequence[str], host: Host) -> _Opened:
    prepared = prepare(load_config(source, overrides, host=host))
    notes = [prepared.assumption] if prepared.assumption else []
    return prepared.config, prepared.blueprint, prepared.model, notes
