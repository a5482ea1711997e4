"""Train: updates, with evaluations and checkpoints between them, stopping and resuming."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from ....registry import PluxelError
from ...common.files import write_text
from ...common.logs import images_counted, log_once, logger
from ...common.progress import Advance, duration, track
from ...contracts.label_doubts import doubts
from ...data.batch import Batch
from ...data.loading import training_loader
from ...model.positions import assumptions
from ..checkpoint import read_metadata, read_tensors
from ..distributed import cudnn_benchmark
from .experiment import Experiment
from .keeping import Keeper
from .monitor import TrainingProgress, check_monitor, has_waited_enough
from .optimizer import build_optimizer
from .owned_run import OwnedRun
from .passes import ForwardPass
from .resume import Changes, settings_of
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests
from .state import TrainingState
from .steps import StepPlan
from .update import Updater


class Trainer:
    """Trains the model of an experiment.

    The constructor loads the starting weights, or the checkpoint if ``resume`` is set and one
    exists. Only ``train`` writes files.

    Raises: ConfigError for weights, groups or a monitor that do not fit; PluxelError for a
    checkpoint of another model or optimizer, and without ``resume`` for a directory with a run,
    which ``experiment.clear_run()`` deletes.
    """

    def __init__(self, experiment: Experiment, *, resume: bool = False) -> None:
        self.experiment = experiment
        self.run = experiment.run
        self.processes = experiment.processes
        self.run.check_claim(experiment.config.source, resume=resume, overwrite=False)
        pipeline = experiment.config.pipeline
        self.options = pipeline.training
        check_monitor(experiment.config, experiment.spaces)
        resuming = resume and self.run.state.exists()
        if not resuming:
            experiment.initialize()
        wrapped, self.state = self._make_state()
        self.updater = Updater(experiment, wrapped, self.state)
        self.settings = settings_of(experiment.config, experiment.blueprint)
        self.changes = Changes({})
        self.progress = TrainingProgress()
        self.recent: list[float] = []  # losses since the last log line
        if resuming:
            self._restore()
        self.owned = OwnedRun(self.run, experiment.claim, self.processes)
        self.keeper = Keeper(experiment, self.state, self.progress, self.owned)
        self.data = experiment.training_data()
        with experiment.config.at("training", "steps"):
            self.plan = StepPlan.of(
                self.options,
                len(self.data),
                self.processes.num_processes,
                self.progress.step,
                self.progress.samples,
            )
        for sentence in assumptions(experiment.model):
            logger.info(sentence)
        doubtful = doubts(experiment.spaces)
        for warning in filter(None, [*doubtful, self.plan.warm_up_warning(self.options)]):
            log_once(logging.WARNING, warning)
        self.stop = StopRequest()
        self.stopped_by = 0  # the signal that all processes have learned of, or 0
        if resuming:
            logger.info("resuming after step %d of %d", self.progress.step, self.plan.steps)
            if self.changes.values:
                logger.info("changed since the checkpoint: %s", self.changes)

    def _make_state(self) -> tuple[nn.Module, TrainingState]:
        """Return the model wrapped for all processes, and the tensors of the training."""
        model, options = self.experiment.model, self.options
        with self.experiment.config.at("training", "groups"):
            optimizer = build_optimizer(model, options.optimizer, options.groups)
        model.to(self.processes.device)
        # Copy the model before accelerate wraps it, not the wrapper.
        ema = ModelEmaV3(model, options.ema, use_warmup=True) if options.ema else None
        passes = ForwardPass(model, lambda: self.experiment.objective, self.processes)
        wrapped, prepared = self.processes.prepare(passes, optimizer)
        return wrapped, TrainingState(model, prepared, ema)

    def _restore(self) -> None:
        """Continue from the checkpoint, as far as the configuration has not changed since."""
        tensors, metadata = read_tensors(self.run.state)
        self.changes = Changes.between(metadata["settings"], self.settings)
        self.changes.check()
        self.state.restore(self.run, tensors, metadata["optimizer"], self.changes)
        self.progress = TrainingProgress(**metadata["progress"])
        self.recent = metadata["recent"]
        if self.processes.scaler is not None and metadata["scaler"] is not None:
            self.processes.scaler.load_state_dict(metadata["scaler"])

    def train(self) -> None:
        """Train to the end.

        Raises: Diverged, Interrupted (after saving the state), the errors of bad data, or
        PluxelError if another training uses the run directory or has used it since the constructor.
        """
        with self.experiment.claimed():
            self._check_untouched()
            self._train()

    def _check_untouched(self) -> None:
        stored = 0
        if self.run.state.exists():
            stored = read_metadata(self.run.state)["progress"]["step"]
        if stored != self.progress.step:
            raise PluxelError(
                f"{self.run.state} is a checkpoint of step {stored}, but this Trainer is at step "
                f"{self.progress.step}: make another Trainer, with resume=True"
            )

    def _train(self) -> None:
        if self.processes.is_main_process:
            self.run.remove_unfinished()
            write_text(self.run.config, self.experiment.config.dump())
            self.run.forget_after(self.progress.step)
        began = time.monotonic() - self.progress.seconds
        # Batches of one have images of any size: timing algorithms for each would cost more.
        tunes = self.options.batch_size > 1 and not self.experiment.config.pipeline.deterministic
        device = self.processes.device
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            stop_requests() as self.stop,
            cudnn_benchmark(tunes),
            images_counted() as counted,
            track("training", self.plan.steps, self.progress.step) as advance,
        ):
            if self.changes.have("scored again"):
                self.keeper.rank_anew()
            elif self.keeper.is_torn():
                self.keeper.score_kept_weights()
            if self.progress.evaluated < self.progress.step and self.plan.is_due(
                self.progress.step
            ):
                self.keeper.evaluate()  # an interruption skipped this evaluation
            for batches in self.batches():
                self.step(batches, advance)
                self.progress.seconds = time.monotonic() - began
                self._after_step()
                if self.progress.samples >= len(self.data):
                    counted.log()
        logger.info("trained %d steps in %s", self.progress.step, duration(self.progress.seconds))

    def batches(self) -> Iterator[list[Batch]]:
        """Yield the batches of each remaining step, one per round of accumulation.

        Ends early once ``early_stop`` has waited long enough.
        """
        options, remaining = self.options, self.plan.steps - self.progress.step
        loader = training_loader(
            self.data,
            self.progress.samples,
            remaining * options.accumulate,
            options.batch_size,
            workers=options.workers,
            pin_memory=self.processes.device.type == "cuda",
            rank=self.processes.process_index,
            world_size=self.processes.num_processes,
        )
        batches = iter(loader)
        for _ in range(remaining):
            if has_waited_enough(self.progress, options):
                why = "is undefined" if self.progress.best is None else "no longer improves"
                logger.info("stopped early: %s %s", options.monitor, why)
                return
            yield [next(batches) for _ in range(options.accumulate)]

    # -- a step ----------------------------------------------------------------------------------

    def step(self, batches: list[Batch], advance: Advance) -> None:
        """Update the weights once, and log the loss.

        Raises: Diverged, as ``Updater.update`` does.
        """
        step = self.progress.step
        rate = factor(self.options.schedule, step, self.plan.steps)
        loss, self.stopped_by = self.updater.update(batches, step, rate, self.stop)
        self.progress.step += 1
        self.progress.samples += self.plan.samples_per_step
        self._record(loss, rate, advance)

    def _record(self, loss: float, rate: float, advance: Advance) -> None:
        """Show the loss, and log its mean over each interval."""
        self.recent.append(loss)
        advance(note=f"loss {loss:.4f}")
        step = self.progress.step
        if step % self.options.log_every == 0 or step == self.plan.steps:
            mean = sum(self.recent) / len(self.recent)
            self.owned.log(
                self.progress, {"train/loss": mean, "lr": self.options.optimizer.lr * rate}
            )
            self.recent.clear()

    # -- between steps ---------------------------------------------------------------------------

    def _after_step(self) -> None:
        step, last = self.progress.step, self.progress.step == self.plan.steps
        if self.stopped_by and not last:  # stop now: the sender may not wait for an evaluation
            self._save_state()
            raise Interrupted(
                f"stopped after step {step} of {self.plan.steps} and saved the state; "
                "--resume auto continues from there",
                self.stopped_by,
            )
        due = self.plan.is_due(step)
        if due:
            self.keeper.evaluate()
        if due or step % self.plan.checkpoint_every == 0:
            self._save_state()

    def _save_state(self) -> None:
        self.owned.write(lambda: self.state.save(self.run, self._metadata()))

    def _metadata(self) -> dict[str, Any]:
        """Return the values besides tensors that resuming needs."""
        scaler = self.processes.scaler
        return {
            "progress": asdict(self.progress),
            "recent": self.recent,
            "settings": self.settings,
            "scaler": None if scaler is None else scaler.state_dict(),
        }
