"""A training: steps, evaluations, checkpoints; stopped and resumed at will."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from ....registry import PluxelError
from ...common.files import write_json, write_text
from ...common.logs import logger
from ...common.numerics import finite_or_none
from ...common.progress import Advance, duration, track
from ...data.batch import Batch
from ...data.loading import training_loader
from ...data.samples import TrainingData
from ...geometry.scores import Scores
from ..distributed import cudnn_benchmark, share_buffers
from ..evaluation.evaluate import Evaluation
from .experiment import Experiment
from .monitor import TrainingProgress, check_monitor, has_waited_enough, is_improvement
from .optimizer import build_optimizer, freeze, frozen_norms
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests
from .state import Diverged, TrainingState, last_good
from .steps import StepPlan


class _Pass(NamedTuple):
    """A forward and backward pass: what is needed to say what went wrong in it."""

    batch: Batch
    scores: Mapping[str, Scores]
    loss: Tensor


class Trainer:
    """Trains the model of an experiment.

    Making it gives the model its starting weights or, if ``resume`` and there is a checkpoint,
    those of the checkpoint; only ``train`` writes.

    Raises: ConfigError for weights, groups or a monitor that do not fit; PluxelError for a
    checkpoint of another model or optimizer.
    """

    def __init__(self, experiment: Experiment, *, resume: bool = False) -> None:
        self.experiment = experiment
        self.run = experiment.run
        self.processes = experiment.processes
        pipeline = experiment.config.pipeline
        self.options, self.seed = pipeline.training, pipeline.seed
        self.evaluates = "val" in pipeline.splits
        with experiment.config.at("training", "monitor"):
            check_monitor(pipeline, experiment.spaces)
        resuming = resume and self.run.state.exists()
        if not resuming:
            experiment.initialize()
        self.wrapped, self.state = self._make_state()
        self.frozen_norms = frozen_norms(experiment.model)
        metadata = self.state.restore(self.run) if resuming else {}
        self.data = _training_data(experiment)
        self.plan = StepPlan.of(self.options, len(self.data), self.processes.num_processes)
        self.progress = TrainingProgress(**metadata.get("progress", {}))
        self.recent: list[float] = metadata.get("recent", [])
        self.stop = StopRequest()
        self.stopped_by = 0  # the signal of which all processes know, or 0
        if resuming:
            if self.processes.scaler is not None:
                self.processes.scaler.load_state_dict(metadata["scaler"])
            logger.info("resuming after step %d of %d", self.progress.step, self.plan.steps)

    def _make_state(self) -> tuple[nn.Module, TrainingState]:
        """Return the model as all processes train it, and the tensors of the training."""
        model, options = self.experiment.model, self.options
        with self.experiment.config.at("training", "groups"):
            freeze(model, options.groups)
            optimizer = build_optimizer(model, options.optimizer, options.groups)
        model.to(self.processes.device)
        # Before accelerate wraps the model: its wrapping must not be copied along.
        ema = ModelEmaV3(model, options.ema, use_warmup=True) if options.ema else None
        wrapped, prepared = self.processes.prepare(model, optimizer)
        return wrapped, TrainingState(model, prepared, ema)

    def train(self) -> None:
        """Train to the end.

        Raises: Diverged, Interrupted (the state is saved), or whatever is wrong with the data.
        """
        if self.processes.is_main_process:
            write_text(self.run.config, self.experiment.config.dump())
            self.run.forget_after(self.progress.step)
        began = time.monotonic() - self.progress.seconds
        # Batches of one are images of any size, and trying algorithms for each would cost more.
        tries = self.options.batch_size > 1 and not self.experiment.config.pipeline.deterministic
        device = self.processes.device
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            stop_requests() as self.stop,
            cudnn_benchmark(tries),
            track("training", self.plan.steps, self.progress.step) as advance,
        ):
            if self._is_due() and self.progress.evaluated < self.progress.step:
                self._evaluate()  # what an interruption did not wait for
            for batches in self.batches():
                self.step(batches, advance)
                self.progress.seconds = time.monotonic() - began
                self._after_step()
        logger.info("trained %d steps in %s", self.progress.step, duration(self.progress.seconds))

    def batches(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step that is left, one for each round of accumulation.

        No step is left once ``early_stop`` has waited enough.
        """
        options, left = self.options, self.plan.steps - self.progress.step
        loader = training_loader(
            self.data,
            self.progress.step * options.batch_size * self.plan.batches_per_step,
            left * options.accumulate,
            options.batch_size,
            workers=options.workers,
            pin_memory=self.processes.device.type == "cuda",
            rank=self.processes.process_index,
            world_size=self.processes.num_processes,
        )
        batches = iter(loader)
        for _ in range(left):
            if has_waited_enough(self.progress, options):
                logger.info("stopped early: no better %s", options.monitor)
                return
            yield [next(batches) for _ in range(options.accumulate)]

    # -- a step ----------------------------------------------------------------------------------

    def step(self, batches: list[Batch], advance: Advance) -> None:
        """Update the weights once.

        Raises: Diverged, in all processes, if the loss is not finite in any; the weights are then
        those from before the step.
        """
        options, step = self.options, self.progress.step
        # What dropout draws is a function of the step, so a resumed run draws the same.
        torch.manual_seed(_seed(self.seed, step, self.processes.process_index))
        rate = factor(options.schedule, step, self.plan.steps)
        for group in self.state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.wrapped.train()
        for norm in self.frozen_norms:
            norm.eval()
        passes = []
        for i, batch in enumerate(batches):
            with self._synchronizing(last=i == len(batches) - 1):
                passes.append(self._backward(batch))
        loss = self._mean_loss(passes)
        if options.clip_norm is not None:
            self.processes.clip_grad_norm_(self.wrapped.parameters(), options.clip_norm)
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        if self.state.ema is not None:
            self.state.ema.update(self.state.model, step)
        self.progress.step += 1
        self._record(loss, rate, advance)

    def _synchronizing(self, *, last: bool) -> AbstractContextManager[None]:
        return nullcontext() if last else self.processes.no_sync(self.wrapped)

    def _backward(self, batch: Batch) -> _Pass:
        on_device = batch.to(self.processes.device, non_blocking=True)
        with self.processes.autocast():
            scores: Mapping[str, Scores] = self.wrapped(on_device.inputs, on_device.sizes)
        loss = self.experiment.objective(scores, on_device.targets)
        self.processes.backward(loss / self.options.accumulate)
        detached = {head: replace(s, tensor=s.tensor.detach()) for head, s in scores.items()}
        return _Pass(batch, detached, loss.detach())

    def _mean_loss(self, passes: list[_Pass]) -> float:
        """Return the mean loss of all processes; they learn of each other's signals on the way.

        Read once a step, because the host waits for the device.
        """
        losses = torch.stack([one.loss for one in passes]).float()
        row = torch.cat([losses, losses.new_full((1,), self.stop.signal_number)])
        rows: list[list[float]] = self.processes.gather(row[None]).tolist()
        self.stopped_by = int(max(row.pop() for row in rows))
        values = [value for row in rows for value in row]
        if not all(map(math.isfinite, values)):
            raise self._diverged(rows, passes)
        return sum(values) / len(values)

    def _diverged(self, rows: list[list[float]], passes: list[_Pass]) -> Diverged:
        """Return the error of this process, given the losses of each process."""
        where = f"in step {self.progress.step + 1}"
        for value, one in zip(rows[self.processes.process_index], passes, strict=True):
            if not math.isfinite(value):
                targets = one.batch.to(self.processes.device).targets
                terms = self.experiment.objective.bad_terms(one.scores, targets)
                return Diverged(
                    f"the loss is {value} {where}. Not finite: {', '.join(terms) or 'the sum'}. "
                    f"The batch: {', '.join(one.batch.names)}. {last_good(self.run)}"
                )
        rank = next(i for i, row in enumerate(rows) if not all(map(math.isfinite, row)))
        return Diverged(
            f"the loss of process {rank} is not finite {where}; its own message names the batch. "
            f"{last_good(self.run)}"
        )

    def _record(self, loss: float, rate: float, advance: Advance) -> None:
        """Show the loss, and log its mean over an interval."""
        self.recent.append(loss)
        advance(note=f"loss {loss:.4f}")
        if (
            self.progress.step % self.options.log_every == 0
            or self.progress.step == self.plan.steps
        ):
            mean = sum(self.recent) / len(self.recent)
            self._log({"train/loss": mean, "lr": self.options.optimizer.lr * rate})
            self.recent.clear()

    def _log(self, values: Mapping[str, float]) -> None:
        if self.processes.is_main_process:
            finite = {name: finite_or_none(value) for name, value in values.items()}
            self.run.log({"step": self.progress.step, "seconds": self.progress.seconds} | finite)

    # -- between steps ---------------------------------------------------------------------------

    def _after_step(self) -> None:
        step, last = self.progress.step, self.progress.step == self.plan.steps
        if self.stopped_by and not last:  # whoever asks for it may not wait for an evaluation
            self._save_state()
            raise Interrupted(
                f"stopped after step {step} of {self.plan.steps}; the state is saved: "
                "--resume auto goes on from there",
                self.stopped_by,
            )
        if self._is_due():
            self._evaluate()
        if self._is_due() or step % self.plan.checkpoint_every == 0:
            self._save_state()

    def _is_due(self) -> bool:
        return self.plan.is_due(self.progress.step)

    def _save_state(self) -> None:
        self._write(lambda: self.state.save(self.run, self._metadata()))

    def _write(self, write: Callable[[], None]) -> None:
        """Write in the main process; an error of the disk says what is left to go on from."""
        try:
            self.processes.on_main_process(write)
        except Diverged:
            raise
        except PluxelError as error:
            there = self.run.state.exists()
            way = "; --resume auto goes on from it" if there else ""
            raise PluxelError(error.message, [*error.notes, last_good(self.run) + way]) from error

    def _metadata(self) -> dict[str, Any]:
        """Return what resuming needs besides tensors."""
        scaler = self.processes.scaler  # of gradients in float16
        return {
            "progress": asdict(self.progress),
            "recent": self.recent,
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def _evaluate(self) -> None:
        """Evaluate the weights, and keep them if none were better; without data, keep them."""
        self.progress.evaluated = self.progress.step
        if not self.evaluates:
            self._save_weights(None)
            return
        share_buffers(self.state.averaged)
        with cudnn_benchmark(False):
            evaluation = self.experiment.evaluate(self.state.averaged, "val")
        scalars = evaluation.scalars("val")
        self._log(scalars)
        logger.info("step %d: %s", self.progress.step, _summary(scalars))
        if is_improvement(self.progress, self.options, scalars):
            self._save_weights(evaluation)

    def _save_weights(self, evaluation: Evaluation | None) -> None:
        self._write(lambda: self._write_weights(evaluation))

    def _write_weights(self, evaluation: Evaluation | None) -> None:
        step, blueprint = self.progress.step, self.experiment.blueprint.to_json()
        self.state.save_weights(self.run, {"step": step, "blueprint": blueprint})
        if evaluation is not None:
            write_json(
                self.run.results_of("val"), {"split": "val", "step": step} | evaluation.to_json()
            )


def _training_data(experiment: Experiment) -> TrainingData:
    """Return the augmented data, for a model that has its weights and their normalization."""
    pipeline = experiment.config.pipeline
    return TrainingData(
        experiment.prepared.dataset("train"),
        experiment.spaces,
        pipeline.augment.get("train", []),
        seed=pipeline.seed,
        sampling=pipeline.training.sampling,
        on_bad_sample=pipeline.training.on_bad_sample,
        inputs=experiment.model.input_names,
        sources=experiment.blueprint.targets,
        fill=experiment.fill,
    )


def _seed(*numbers: int) -> int:
    """Return one 63-bit seed for several numbers; neighbors give unrelated ones."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the split as a whole, without those of single classes."""
    names = [name for name in scalars if not name.rpartition("/")[0].endswith(("iou", "accuracy"))]
    return ", ".join(f"{name} {scalars[name]:.4f}" for name in names)
