"""Write the run directory of an imported network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ...common.files import write_text
from ...config._config import Config
from ...contracts.labels import LabelSpace
from ...model.blueprint import Blueprint
from ...model.network import SegmentationModel
from ..checkpoint import write_tensors
from ..run import Run


@dataclass(frozen=True)
class Imported:
    """What was written: the run, the network, its data, and its number of classes by head.

    ``notes``: what the file does not say, and what is unusual in it.
    """

    run: Run
    network: str
    dataset: str
    classes: Mapping[str, int]
    parameters: int
    notes: Sequence[str]


def claimed(directory: Path, overwrite: bool) -> Run:
    """Return a run directory to write to. Raises: PluxelError if it has other files."""
    run = Run(directory)
    run.check_claim(None, resume=None, overwrite=overwrite, what="the import", option="--output")
    return run


def write_run(
    run: Run,
    network: str,
    model: SegmentationModel,
    tensors: Mapping[str, Tensor],
    config: Config,
    blueprint: Blueprint,
    notes: Sequence[str],
) -> Imported:
    """Replace the files of a run by those of an imported network.

    ``model``: without memory for weights. ``tensors``: all of its tensors.
    """
    run.delete()
    metadata = {"step": 0, "blueprint": blueprint.to_json()}
    write_tensors(run.weights, tensors, metadata)
    write_text(run.config, config.dump())
    count = sum(parameter.numel() for parameter in model.parameters())
    classes = {name: LabelSpace(labels).num_classes for name, labels in blueprint.labels.items()}
    name = config.pipeline.dataset.component.name
    return Imported(run, network, name, classes, count, notes)
