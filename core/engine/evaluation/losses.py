"""Build the losses of a run, with class frequencies for losses that weight classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from ...common.files import write_json
from ...common.logs import logger
from ...common.progress import track
from ...config._config import Config
from ...contracts.kinds import Dataset
from ...contracts.options import OnBadSample
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
) -> Objective:
    """Return the losses of all heads, on the device.

    ``training_data``: opens the training split if a loss needs its class frequencies.

    Raises: ConfigError at the place of a loss that cannot be built.
    """
    frequencies = _Frequencies(
        blueprint, run, training_data, config.pipeline.training.on_bad_sample, processes
    )
    objective = build_objective(config, model, blueprint.label_spaces(), frequencies)
    for loss in objective.losses.values():
        if isinstance(loss, nn.Module):
            loss.to(processes.device)
    for name, weight in objective.chosen_weights.items():
        logger.info("weight of class %s: %.3g", name, weight)
    return objective


@dataclass(frozen=True)
class _Frequencies:
    """Pixels per class of a head in the training split, counted once per run."""

    blueprint: Blueprint
    run: Run
    training_data: Callable[[], Dataset]
    on_bad_sample: OnBadSample
    processes: Processes

    def __call__(self, head: str) -> Sequence[int]:
        self.processes.on_main_process(lambda: self._count(head))
        return list(self._counted()[head].values())

    def _counted(self) -> dict[str, dict[str, int]]:
        """Return the class frequencies that the run has stored: head → class → pixels."""
        return (
            json.loads(self.run.class_frequencies.read_text(encoding="utf-8"))
            if self.run.class_frequencies.exists()
            else {}
        )

    def _count(self, head: str) -> None:
        counted, space = self._counted(), self.blueprint.label_spaces()[head]
        if list(counted.get(head, ())) == list(space.class_names):
            return
        dataset = self.training_data()
        with track("counting pixels per class", len(dataset)) as advance:
            source = self.blueprint.targets[head]
            counts = class_frequencies(
                dataset,
                space,
                source=source,
                on_bad_sample=self.on_bad_sample,
                progress=advance,
            )
        counted[head] = dict(zip(space.class_names, counts, strict=True))
        write_json(self.run.class_frequencies, counted)
