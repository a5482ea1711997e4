"""Model, losses and devices of a training, from a prepared configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path

import torch

from ....registry import PluxelError
from ...common.randomness import combined_seed, seeded
from ...config._config import Config
from ...data.samples import TrainingData
from ...model.build import build_model
from ...model.network import SegmentationModel
from ...model.objective import Objective
from ..distributed import Processes, with_fast_layout
from ..evaluation.evaluate import evaluate
from ..evaluation.evaluation import Evaluation
from ..evaluation.losses import objective_of_run
from ..preparation import Prepared
from ..run import Run
from .claim import Claim, held_by_all
from .samples import training_data
from .starting_weights import load_initial_weights


class Experiment:
    """A phase of a prepared configuration with a run directory and a new model.

    ``whole``: the configuration with all phases; without phases, it is its only one. ``phase``: the
    index of this one. ``claim``: that of the experiment of another phase. ``model``: with random
    weights, from the seed of the configuration.

    Raises: ConfigError if training or evaluation data are missing, or if the configuration asks for
    deterministic results but torch is not in deterministic mode.
    """

    def __init__(
        self, whole: Prepared, run: Run, phase: int = 0, claim: Claim | None = None
    ) -> None:
        self.whole, self.run, self.phase = whole, run, phase
        self.prepared = prepared = whole.phases[phase]
        self.config, self.blueprint = prepared.config, prepared.blueprint
        self.spaces = self.blueprint.label_spaces()
        pipeline = self.config.pipeline
        for role in {"train", "val"} & pipeline.splits.keys():
            prepared.dataset(role)
        _check_deterministic(self.config)
        self.processes = Processes(pipeline.device, pipeline.training.precision)
        self.claim = claim or Claim(run.directory)
        self.new_classes: Mapping[str, Sequence[str]] = {}  # by head, once initialized
        self._initialized = False

    @cached_property
    def model(self) -> SegmentationModel:
        """The model of this phase, built on first use."""
        with seeded(self.config.pipeline.seed):
            built = build_model(self.config, self.blueprint)
        return with_fast_layout(built, self.processes)

    def in_phase(self, phase: int) -> Experiment:
        """Return the experiment of a phase in the same run."""
        if phase == self.phase:
            return self
        return Experiment(self.whole, self.run, phase, self.claim)

    @property
    def seed(self) -> int:
        """The seed of samples and dropout, another one in each phase."""
        seed = self.config.pipeline.seed
        return combined_seed(seed, self.phase) if self.phase else seed

    @property
    def _source(self) -> Path | Mapping[str, Path] | None:
        """Where weights come from besides pretrained ones: the phase before, or ``init_from``."""
        if self.phase:
            return self.run.phase(self.whole.phases[self.phase - 1].config.phase).directory
        return self.config.pipeline.init_from

    @cached_property
    def objective(self) -> Objective:
        """The losses of all heads, on the device."""
        training_data = partial(self.prepared.dataset, "train")
        return objective_of_run(
            self.config,
            self.blueprint,
            self.model,
            self.run,
            training_data,
            self.processes,
            keep=True,
        )

    def claimed(self) -> AbstractContextManager[None]:
        """Own the run directory while the block runs, together with all processes of this training.

        Raises: PluxelError, in all processes, if another training owns it.
        """
        return held_by_all(self.claim, self.processes)

    def clear_run(self) -> None:
        """Initialize the weights, which may come from this run; then delete the earlier run."""
        self.initialize()
        self.processes.wait_for_everyone()  # until all have read their starting weights
        with self.claimed():
            self.processes.on_main_process(self.run.delete)

    def initialize(self) -> None:
        """Load the starting weights: of the phase before, of ``init_from``, or pretrained ones.

        Later calls do nothing.

        Raises: ConfigError if the weights are not available, or if none of ``init_from`` fit.
        """
        if not self._initialized:
            # One process of each machine downloads; the others then find the file.
            alone = self.processes.local_main_process_first
            with seeded(self.config.pipeline.seed):
                self.new_classes = load_initial_weights(
                    self.config, self.model, self.spaces, self._source, alone
                )
            self._initialized = True

    def training_data(self) -> TrainingData:
        """Return the augmented training data; the model must already have its normalization."""
        dataset = self.prepared.dataset("train")
        return training_data(self.prepared, self.model, dataset, self.seed)

    def evaluate(self, model: SegmentationModel, role: str, *, pictures: int = 0) -> Evaluation:
        """Evaluate a model, which is already on its device, on the split with a role.

        ``pictures``: the number of images to keep for pictures.
        """
        return evaluate(
            self.config,
            self.blueprint,
            model,
            self.prepared.dataset(role),
            role,
            self.objective,
            self.processes,
            pictures=pictures,
        )


def _check_deterministic(config: Config) -> None:
    if config.pipeline.deterministic and not torch.are_deterministic_algorithms_enabled():
        with config.at("deterministic"):
            raise PluxelError(
                "torch is not in deterministic mode: call pluxel.core.make_deterministic() first, "
                "which changes the whole process"
            )
