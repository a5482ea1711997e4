"""Open a run with weights for evaluation or prediction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ...registry import Host, PluxelError
from ..common.files import MissingFile
from ..common.logs import logger
from ..config._config import Config
from ..config._load import load_config
from ..config.sections.pipeline import PipelineConfig
from ..config.tree.files import read_text
from ..config.tree.nodes import Location, plain
from ..config.tree.overrides import Given
from ..config.tree.parse import parse
from ..config.tree.problems import Problems
from ..model.blueprint import Blueprint, with_added
from ..model.network import SegmentationModel
from ..model.weight_reading import read_header
from ..model.weights import load_weights
from .checkpoint import read_metadata, read_tensors
from .run import Run

NOT_OF_EVALUATION = frozenset({"augment", "tracker", "trackers"})
"""Sections of a configuration that evaluation neither imports nor checks."""

NOT_OF_THE_MODEL = NOT_OF_EVALUATION | {"dataset", "loss", "metric", "metrics"}
"""Sections of a configuration that prediction neither imports nor checks."""


@dataclass(frozen=True)
class Trained:
    """An opened run and its weights.

    ``config``: the configuration of the run with ``overrides`` applied. ``changed``: the sections
    that the overrides change. ``step``: the training step of the weights. ``phase``: the phase that
    they belong to, empty without phases.
    """

    run: Run
    config: Config
    overrides: Sequence[str]
    changed: frozenset[str]
    blueprint: Blueprint
    weights: Mapping[str, Tensor]
    step: int
    phase: str

    def filled(self, model: SegmentationModel) -> SegmentationModel:
        """Load the weights of the run into a model built from ``config``, and return it.

        Raises: PluxelError if the weights do not fit.
        """
        load_weights(model, self.weights, self.run.weights)
        logger.info("%s: weights of step %d", self.run.directory, self.step)
        return model

    def is_current(self) -> bool:
        """Return whether the run still has these weights, although a training may replace them."""
        try:
            return read_metadata(self.run.weights)["step"] == self.step
        except PluxelError:  # deleted
            return False


def weights_file(source: Path) -> Path:
    """Return the weights file of a run directory, or ``source`` itself if it is a file.

    Raises: MissingFile if the weights file does not exist.
    """
    file = Run(source).weights if source.is_dir() else source
    if not file.is_file():
        raise MissingFile(f"{source} is neither a weights file nor a run with weights")
    return file


def open_run(directory: Path) -> Run:
    """Return the run at ``directory``.

    Raises: PluxelError if the directory is not a run.
    """
    run = Run(directory)
    if not run.config.exists():
        raise PluxelError(f"{directory} is not a run: it has no config.yaml")
    return run


def open_trained(
    directory: Path,
    overrides: Sequence[str] = (),
    *,
    device: str | None = None,
    host: Host,
    unread: Collection[str] = NOT_OF_EVALUATION,
) -> Trained:
    """Open a run; ``overrides`` change its configuration, such as ``decoder={type: …}``.

    ``device``: the device to compute on. The default is ``auto``, since the device of the training
    may not exist on this machine. ``unread``: sections that the model does not depend on, as for
    `load_config`.

    Raises: PluxelError if the directory is not a run, if the run has no weights, or if an override
    changes what the weights mean.
    """
    run = open_run(directory)
    if not run.weights.exists():
        raise PluxelError(
            f"{directory} has no weights yet: they come with the first evaluation of its training",
            [f"to continue a training that ended: pluxel train … --run {directory} --resume auto"],
        )
    _check_read(overrides, unread)
    tensors, metadata = read_tensors(run.weights)
    phase = metadata.get("phase", "")
    load = partial(load_config, run.config, host=host, unread=unread, phase=phase)
    config = load(_placed(overrides, device))
    changed = frozenset[str]()
    if overrides:
        trained = load().pipeline
        _check_meaning(trained, config.pipeline)
        names = PipelineConfig.model_fields
        changed = frozenset(n for n in names if getattr(trained, n) != getattr(config.pipeline, n))
    try:
        blueprint, step = Blueprint.from_json(metadata["blueprint"]), metadata["step"]
    except KeyError as error:
        raise PluxelError(f"{run.weights} was not written by pluxel train: no {error}") from error
    added = with_added(config, blueprint)
    return Trained(run, config, tuple(overrides), changed, added, tensors, step, phase)


def plain_config(run: Run) -> dict[str, Any]:
    """Return the configuration of a run without the versions; no plugin needs to be there."""
    text = read_text(run.config)
    tree = parse(text, lambda line, at: Location(str(run.config), line, at), Problems())
    found = plain(tree) if tree else None
    return {k: v for k, v in found.items() if k != "pluxel"} if isinstance(found, dict) else {}


def classes_of(weights: Path) -> dict[str, tuple[str, ...]]:
    """Return the classes of each head of a run, from its weights; {} for any other file."""
    if weights.suffix != ".safetensors" or "blueprint" not in (header := read_header(weights)):
        return {}
    spaces = Blueprint.from_json(json.loads(header["blueprint"])).label_spaces()
    return {head: tuple(space.class_names) for head, space in spaces.items()}


def _check_read(overrides: Sequence[str], unread: Collection[str]) -> None:
    for text in overrides:
        section = text.partition("=")[0].strip().partition(".")[0]
        if section in unread:
            raise PluxelError(f"override {text!r} has no effect: '{section}' is not read here")


def _placed(overrides: Sequence[str], device: str | None) -> list[str]:
    is_placed = any(text.partition("=")[0].strip() == "device" for text in overrides)
    if is_placed and not device:
        return [*overrides]
    return [*overrides, Given(f"device={device or 'auto'}", f"argument device={device!r}")]


def _check_meaning(trained: PipelineConfig, changed: PipelineConfig) -> None:
    """Raise PluxelError if an override has no effect or breaks the model."""
    other = _meaning(changed)
    for what, value in _meaning(trained).items():
        if other.get(what) != value:
            raise PluxelError(
                f"{what} cannot change here: the weights were trained with it",
                ["train again with init_from, which copies the weights that fit"],
            )


def _meaning(pipeline: PipelineConfig) -> dict[str, object]:
    """Return, by description, the values that belong to the weights, not to the configuration."""
    streams, heads = pipeline.streams, pipeline.heads
    found: dict[str, object] = {"the set of streams": {*streams}, "the set of heads": {*heads}}
    found |= {f"the input of stream '{name}'": stream.input for name, stream in streams.items()}
    found |= {f"the target of head '{name}'": head.target for name, head in heads.items()}
    found |= {f"the label map of head '{name}'": head.labels for name, head in heads.items()}
    return found
