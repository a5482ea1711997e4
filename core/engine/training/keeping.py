"""Evaluate a training between steps, and keep the best weights with their scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ...common.json_files import write_json
from ...common.logs import log_once, logger
from ...model.network import SegmentationModel
from ...model.weights import load_weights
from ..checkpoint import read_metadata, read_tensors
from ..distributed import cudnn_benchmark, share_buffers
from ..evaluation.evaluation import Evaluation
from ..evaluation.image_statistics import ImageStatistics
from ..run import recorded_step
from ..titles import scalar_names_in
from .experiment import Experiment
from .monitor import TrainingProgress, is_improvement, undefined_monitor
from .owned_run import OwnedRun
from .pictures import TrainingPictures
from .state import TrainingState


@dataclass(frozen=True)
class Keeper:
    """Keeps the best weights by ``monitor``, or the last ones without a split ``val``."""

    experiment: Experiment
    state: TrainingState
    progress: TrainingProgress
    owned: OwnedRun
    pictures: TrainingPictures | None = None

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
            evaluation = self._scores(self.state.averaged, options.pictures)
            scalars = evaluation.scalars("val")
            self.owned.log(self.progress, scalars)
            logger.info("step %d: %s", step, _summary(scalars))
            if warning := undefined_monitor(options, evaluation, scalars):
                log_once(logging.WARNING, warning)
            if not self._improves(evaluation):
                self._report(step, evaluation)
                self._draw(step, evaluation)
                return
        self.owned.write(lambda: self._write_weights(step, evaluation))
        self._report(step, evaluation)
        self._draw(step, evaluation)

    def _draw(self, step: int, evaluation: Evaluation | None) -> None:
        if self.pictures is not None:
            self.pictures.draw(step, evaluation)

    def is_torn(self) -> bool:
        """Return whether a kill came between writing the kept weights and writing their scores."""
        run = self.experiment.run
        if not self.progress.total or not self.evaluates or not run.weights.exists():
            return False
        return read_metadata(run.weights)["step"] != run.step_of_results()

    def rank_anew(self) -> None:
        """Compare later weights with the kept ones by what the configuration now says."""
        self.progress.best, self.progress.mark, self.progress.waited = None, None, 0
        if evaluation := self.score_kept_weights():
            self._improves(evaluation)

    def score_kept_weights(self) -> Evaluation | None:
        """Evaluate the kept weights again and write their scores; return them, if any.

        Until a phase has kept weights, they are those of the phase before.
        """
        run = self.experiment.run
        if not (self.evaluates and run.weights.exists()):
            return None
        tensors, metadata = read_tensors(run.weights)
        if metadata.get("phase", "") != self.progress.phase:
            return None
        kept, step = deepcopy(self.state.averaged), metadata["step"]
        load_weights(kept, tensors, run.weights)
        evaluation = self._scores(kept)
        summary = _summary(evaluation.scalars("val"))
        logger.info("kept weights of step %d, evaluated again: %s", step, summary)
        self.owned.write(lambda: self._write_results(step, evaluation))
        self._report(step, evaluation)
        return evaluation

    def _improves(self, evaluation: Evaluation) -> bool:
        pipeline = self.experiment.config.pipeline
        return is_improvement(
            self.progress,
            pipeline.training,
            evaluation.scalars("val"),
            pipeline.heads,
            evaluation.lower_is_better(),
        )

    def _scores(self, model: SegmentationModel, pictures: int = 0) -> Evaluation:
        with cudnn_benchmark(False):
            return self.experiment.evaluate(model, "val", pictures=pictures)

    def _write_weights(self, step: int, evaluation: Evaluation | None) -> None:
        blueprint = self.experiment.blueprint.to_json()
        metadata = recorded_step(step, self.progress.phase) | {"blueprint": blueprint}
        self.state.save_weights(self.experiment.run, metadata)
        if evaluation is not None:
            self._write_results(step, evaluation)

    def _write_results(self, step: int, evaluation: Evaluation) -> None:
        run = self.experiment.run
        ImageStatistics.of(evaluation, "val", step).write(run.statistics_of("val"))
        write_json(run.results_of("val"), self._results(step, evaluation))

    def _results(self, step: int, evaluation: Evaluation) -> dict[str, Any]:
        place = recorded_step(step, self.progress.phase)
        return {"split": "val"} | place | evaluation.to_json()

    def _report(self, step: int, evaluation: Evaluation | None) -> None:
        """Call the hook ``pluxel_evaluated``, in the main process."""
        host, hook = self.experiment.config.host, "pluxel_evaluated"
        is_main = self.experiment.processes.is_main_process
        if evaluation is not None and is_main and host.listens(hook):
            results = self._results(step, evaluation)
            host.notify(hook, run=self.experiment.run.directory, results=results)


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the whole split, without the scores of single classes."""
    parts = scalar_names_in(scalars)
    return ", ".join(f"{n} {scalars[n]:.4f}" for n in scalars if not parts[n].of_class)
