"""Evaluate a training between steps, and keep the best weights with their scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

from ...common.files import write_json
from ...common.logs import log_once, logger
from ...model.network import SegmentationModel
from ...model.weights import load_weights
from ..checkpoint import read_metadata, read_tensors
from ..distributed import cudnn_benchmark, share_buffers
from ..evaluation.evaluate import Evaluation
from ..run import recorded_step
from .experiment import Experiment
from .monitor import TrainingProgress, is_improvement, undefined_monitor
from .owned_run import OwnedRun
from .state import TrainingState


@dataclass(frozen=True)
class Keeper:
    """Keeps the best weights by ``monitor``, or the last ones without a split ``val``."""

    experiment: Experiment
    state: TrainingState
    progress: TrainingProgress
    owned: OwnedRun

    @property
    def evaluates(self) -> bool:
        """Whether there is a split to evaluate."""
        return "val" in self.experiment.config.pipeline.splits

    def evaluate(self) -> None:
        """Evaluate the weights, and keep them if they are the best so far."""
        self.progress.evaluated, step = self.progress.step, self.progress.total
        options, evaluation = self.experiment.config.pipeline.training, None
        if self.evaluates:
            share_buffers(self.state.averaged)
            evaluation = self._scores(self.state.averaged)
            scalars = evaluation.scalars("val")
            self.owned.log(self.progress, scalars)
            logger.info("step %d: %s", step, _summary(scalars))
            if warning := undefined_monitor(options, evaluation, scalars):
                log_once(logging.WARNING, warning)
            if not self._improves(scalars):
                return
        self.owned.write(lambda: self._write_weights(step, evaluation))

    def is_torn(self) -> bool:
        """Return whether a kill came between writing the kept weights and writing their scores."""
        run = self.experiment.run
        if not self.progress.total or not self.evaluates or not run.weights.exists():
            return False
        return read_metadata(run.weights)["step"] != run.step_of_results()

    def rank_anew(self) -> None:
        """Compare later weights with the kept ones by what the configuration now says."""
        self.progress.best, self.progress.mark, self.progress.waited = None, None, 0
        if scalars := self.score_kept_weights():
            self._improves(scalars)

    def score_kept_weights(self) -> Mapping[str, float]:
        """Evaluate the kept weights again and write their scores; return the scalars, if any.

        Until a phase has kept weights, they are those of the phase before.
        """
        run = self.experiment.run
        if not (self.evaluates and run.weights.exists()):
            return {}
        tensors, metadata = read_tensors(run.weights)
        if metadata.get("phase", "") != self.progress.phase:
            return {}
        kept, step = deepcopy(self.state.averaged), metadata["step"]
        load_weights(kept, tensors, run.weights)
        evaluation = self._scores(kept)
        scalars = evaluation.scalars("val")
        logger.info("kept weights of step %d, evaluated again: %s", step, _summary(scalars))
        self.owned.write(lambda: self._write_results(step, evaluation))
        return scalars

    def _improves(self, scalars: Mapping[str, float]) -> bool:
        pipeline = self.experiment.config.pipeline
        return is_improvement(self.progress, pipeline.training, scalars, pipeline.heads)

    def _scores(self, model: SegmentationModel) -> Evaluation:
        with cudnn_benchmark(False):
            return self.experiment.evaluate(model, "val")

    def _write_weights(self, step: int, evaluation: Evaluation | None) -> None:
        blueprint = self.experiment.blueprint.to_json()
        metadata = recorded_step(step, self.progress.phase) | {"blueprint": blueprint}
        self.state.save_weights(self.experiment.run, metadata)
        if evaluation is not None:
            self._write_results(step, evaluation)

    def _write_results(self, step: int, evaluation: Evaluation) -> None:
        place = recorded_step(step, self.progress.phase)
        scores = {"split": "val"} | place | evaluation.to_json()
        write_json(self.experiment.run.results_of("val"), scores)


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the whole split, without the scores of single classes."""
    names = [name for name in scalars if not name.rpartition("/")[0].endswith(("iou", "accuracy"))]
    return ", ".join(f"{name} {scalars[name]:.4f}" for name in names)
