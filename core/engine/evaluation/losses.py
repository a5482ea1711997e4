"""Build the losses of a run, with class frequencies for losses that weight classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ...common.json_files import read_json, write_json
from ...common.logs import logger
from ...common.progress import track
from ...config._config import Config
from ...config._dump import to_plain
from ...contracts.kinds import Dataset
from ...data.frequencies import class_frequencies
from ...model.blueprint import Blueprint
from ...model.build import build_objective
from ...model.network import SegmentationModel
from ...model.objective import Objective
from ..distributed import Processes
from ..run import Run


def objective_of_run(
    config: Config,
    blueprint: Blueprint,
    model: SegmentationModel,
    run: Run,
    training_data: Callable[[], Dataset],
    processes: Processes,
    *,
    keep: bool,
) -> Objective:
    """Return the losses of all heads, on the device.

    ``training_data``: opens the training split if a loss needs its class frequencies. ``keep``:
    save the class frequencies in the run, as training does.

    Raises: ConfigError at the place of a loss that cannot be built.
    """
    inputs = tuple(model.input_names)
    frequencies = _Frequencies(config, blueprint, inputs, run, training_data, processes, keep)
    objective = build_objective(config, model, blueprint.label_spaces(), frequencies)
    for loss in objective.losses.values():
        if isinstance(loss, nn.Module):
            loss.to(processes.device)
    for name, weight in objective.chosen_weights.items():
        logger.info("weight of class %s: %.3g", name, weight)
    return objective


@dataclass(frozen=True)
class _Frequencies:
    """Pixels per class of a head in the training split; ``inputs``: those that the model reads.

    A training counts them once and keeps them in its run, with what they were counted on. An
    evaluation uses those of the run, and otherwise counts them without keeping them.
    """

    config: Config
    blueprint: Blueprint
    inputs: Sequence[str]
    run: Run
    training_data: Callable[[], Dataset]
    processes: Processes
    keep: bool

    def __call__(self, head: str) -> Sequence[int]:
        found: list[Sequence[int]] = []
        self.processes.on_main_process(lambda: found.append(self._find(head)))
        return self.processes.gather_objects(found)[0]

    def _find(self, head: str) -> Sequence[int]:
        """Return the kept frequencies if they are the right ones; else count."""
        kept, spaces = self._kept(), self.blueprint.label_spaces()
        names = spaces[head].class_names
        pixels, origin = kept.get(head, {}).get("pixels", {}), self._origin(head)
        if [*pixels] == [*names] and not (self.keep and kept[head]["counted_on"] != origin):
            return [*pixels.values()]
        counts = self._count()
        if self.keep:
            for one, space in spaces.items():
                pixels = dict(zip(space.class_names, counts[one], strict=True))
                kept[one] = {"counted_on": self._origin(one), "pixels": pixels}
            write_json(self.run.class_frequencies, kept)
        return counts[head]

    def _kept(self) -> dict[str, dict[str, Any]]:
        """Return what the run keeps, by head."""
        kept = read_json(self.run.class_frequencies)
        if not isinstance(kept, dict):
            return {}
        return {head: one for head, one in kept.items() if {"pixels", "counted_on"} <= {*one}}

    def _origin(self, head: str) -> dict[str, Any]:
        """Return what the counts depend on, as JSON values: data, inputs, the meaning of labels."""
        plain = to_plain(self.config.pipeline, absolute=True)
        of_labels = {
            "target": self.blueprint.targets[head],
            "ids": self.blueprint.labels[head].to_json()["ids"],
        }
        of_images = {
            "dataset": plain["dataset"],
            "split": plain["splits"].get("train"),
            "inputs": sorted(self.inputs),
        }
        return json.loads(json.dumps(of_images | of_labels))

    def _count(self) -> dict[str, list[int]]:
        """Return the counts of all heads, by name."""
        dataset, training = self.training_data(), self.config.pipeline.training
        with track("counting pixels per class", len(dataset)) as advance:
            return class_frequencies(
                dataset,
                self.blueprint.label_spaces(),
                inputs=self.inputs,
                sources=self.blueprint.targets,
                on_bad_sample=training.on_bad_sample,
                workers=training.workers,
                progress=advance,
            )
