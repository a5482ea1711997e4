"""Train one phase: updates, with evaluations and checkpoints between them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from ...common.logs import images_counted, log_once, logger
from ...common.progress import Advance, duration, track
from ...common.text import plural
from ...contracts.label_doubts import doubts
from ...data.batch import Batch
from ...data.loading import training_loader
from ...model.positions import assumptions
from ..checkpoint import read_tensors
from ..distributed import cudnn_benchmark
from ..session_log import MonitorMode
from .experiment import Experiment
from .keeping import Keeper
from .monitor import TrainingProgress, check_monitor, has_waited_enough
from .optimizer import build_optimizer
from .owned_run import OwnedRun
from .passes import ForwardPass
from .pictures import TrainingPictures
from .rates import doubtful_rate, largest_rate
from .resume import Changes, settings_of
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests
from .state import TrainingState
from .steps import StepPlan
from .tracking import Tracking
from .update import Updater


class PhaseTrainer:
    """Trains the model of an experiment, which owns the run directory.

    The constructor loads the starting weights, or with ``start`` None the checkpoint. ``start``:
    the progress at the start of the phase. ``tracking``: that of the whole run. Only ``train``
    writes files.

    Raises: the errors of `Trainer`.
    """

    def __init__(
        self, experiment: Experiment, start: TrainingProgress | None, tracking: Tracking
    ) -> None:
        self.experiment = experiment
        self.run = experiment.run
        self.processes = experiment.processes
        self.options = experiment.config.pipeline.training
        self.monitor_mode: MonitorMode | None = check_monitor(experiment.config, experiment.spaces)
        if start is not None:
            experiment.initialize()
        wrapped, self.state = self._make_state()
        self.updater = Updater(experiment, wrapped, self.state)
        self.settings = settings_of(experiment.config, experiment.blueprint)
        self.changes = Changes({})
        self.progress = start or TrainingProgress()
        self.recent: list[dict[str, float]] = []  # losses since the last log line
        host, is_main = experiment.config.host, self.processes.is_main_process
        self.reports_steps = is_main and host.listens("pluxel_training_step")
        if start is None:
            self._restore()
        self.owned = OwnedRun(self.run, experiment.claim, self.processes, tracking)
        self.pictures = (
            TrainingPictures(self.owned, experiment.spaces) if self.options.pictures else None
        )
        self.keeper = Keeper(experiment, self.state, self.progress, self.owned, self.pictures)
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
        if start is None:
            logger.info("resuming after %s", self._where())
            if self.changes.values:
                logger.info("changed since the checkpoint: %s", self.changes)
        elif start.phase:
            logger.info("phase '%s': %s", start.phase, plural(self.plan.steps, "step"))

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

    @property
    def _is_last_phase(self) -> bool:
        return self.experiment.phase == len(self.experiment.whole.phases) - 1

    def _where(self) -> str:
        """Return the step, within its phase."""
        phase = f" of phase '{self.progress.phase}'" if self.progress.phase else ""
        return f"step {self.progress.step} of {self.plan.steps}{phase}"

    def train(self) -> None:
        """Train to the end of the phase.

        Raises: Diverged, Interrupted (after saving the state), or the errors of bad data.
        """
        task = f"training {self.progress.phase}".rstrip()
        began = time.monotonic() - self.progress.seconds
        # Batches of one have images of any size: timing algorithms for each would cost more.
        tunes = self.options.batch_size > 1 and not self.experiment.config.pipeline.deterministic
        device = self.processes.device
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            stop_requests() as self.stop,
            cudnn_benchmark(tunes),
            self.pictures.kept_current() if self.pictures else nullcontext(),
            images_counted() as counted,
            track(task, self.plan.steps, self.progress.step) as advance,
        ):
            self._note_rates()
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
        if self._is_last_phase:
            total, seconds = self.progress.total, self.progress.seconds
            logger.info("trained %s in %s", plural(total, "step"), duration(seconds))

    def _note_rates(self) -> None:
        """Warn of a learning rate that does not fit the scale of a loss."""
        experiment, rate = self.experiment, largest_rate(self.state.optimizer)
        for head, space in experiment.spaces.items():
            new = experiment.new_classes.get(head, ())
            for note in doubtful_rate(experiment.objective, space, head, self.options, rate, new):
                log_once(logging.WARNING, note)

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
        """Update the weights once, and log the losses.

        Raises: Diverged, as ``Updater.update`` does.
        """
        step = self.progress.step
        rate = factor(self.options.schedule, step, self.plan.steps)
        losses, self.stopped_by, pixels = self.updater.update(batches, step, rate, self.stop)
        self.progress.step += 1
        self.progress.pixels += pixels
        self.progress.samples += self.plan.samples_per_step
        self._record(losses, rate, advance)
        if self.reports_steps:
            self.experiment.config.host.notify(
                "pluxel_training_step",
                run=self.run.directory,
                step=self.progress.total,
                losses=losses,
            )

    def _record(self, losses: dict[str, float], rate: float, advance: Advance) -> None:
        """Show the loss, and log the means of all losses over each interval."""
        self.recent.append(losses)
        advance(note=f"loss {losses['loss']:.4f}")
        step = self.progress.step
        if step % self.options.log_every == 0 or step == self.plan.steps:
            means = {
                f"train/{name}": sum(each[name] for each in self.recent) / len(self.recent)
                for name in losses
            }
            self.owned.log(self.progress, means | {"lr": self.options.optimizer.lr * rate})
            self.recent.clear()

    # -- between steps ---------------------------------------------------------------------------

    def _after_step(self) -> None:
        step, last = self.progress.step, self.progress.step == self.plan.steps
        # Stop now: the sender may not wait for an evaluation.
        if self.stopped_by and not (last and self._is_last_phase):
            self.save_state()
            raise Interrupted(
                f"stopped after {self._where()} and saved the state; "
                "--resume auto continues from there",
                self.stopped_by,
            )
        due = self.plan.is_due(step)
        if due:
            self.keeper.evaluate()
        if due or step % self.plan.checkpoint_every == 0:
            self.save_state()

    def save_state(self) -> None:
        """Write the checkpoint from which ``resume`` continues."""
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
