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
from torch import Tensor

from ....registry import PluxelError
from ...common.files import write_json, write_text
from ...common.logs import logger
from ...common.numerics import finite_or_none
from ...common.progress import Advance, duration, track
from ...data.batch import Batch
from ...data.loading import training_loader
from ...data.samples import TrainingData
from ...geometry.scores import Scores
from ..distributed import cudnn_benchmark, on_main_process, share_buffers
from ..evaluation.evaluate import Evaluation
from .experiment import Experiment
from .monitor import TrainingProgress, check_monitor, has_waited_enough, is_improvement
from .optimizer import build_optimizer, freeze, frozen_norms
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests
from .state import Diverged, TrainingState, last_good


class _Pass(NamedTuple):
    """A forward and backward pass: what is needed to say what went wrong in it."""

    batch: Batch
    scores: Mapping[str, Scores]
    loss: Tensor


class Trainer:
    """Trains the model of an experiment; nothing is read or written before ``train``."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.run = experiment.run
        self.options = experiment.config.pipeline.training
        self.seed = experiment.config.pipeline.seed
        self.accelerator = experiment.accelerator
        self.progress = TrainingProgress()
        self.recent: list[float] = []
        self.stop = StopRequest()
        self.stopped_by = 0  # the signal of which all processes know, or 0

    def train(self, *, resume: bool) -> None:
        """Train to the end, or go on from the last checkpoint if ``resume`` and there is one.

        Raises: Diverged, Interrupted (the state is saved), or whatever is wrong with the data.
        """
        self.start(resume=resume)
        began = time.monotonic() - self.progress.seconds
        # Batches of one are images of any size, and trying algorithms for each would cost more.
        tries = self.options.batch_size > 1 and not self.experiment.config.pipeline.deterministic
        with (
            stop_requests() as self.stop,
            cudnn_benchmark(tries),
            track("training", self.steps, self.progress.step) as advance,
        ):
            if self._is_due() and self.progress.judged < self.progress.step:
                self._evaluate_or_save()  # what an interruption did not wait for
            for batches in self.batches():
                self.step(batches, advance)
                self.progress.seconds = time.monotonic() - began
                self._after_step()
        logger.info("trained %d steps in %s", self.progress.step, duration(self.progress.seconds))

    # -- beginning -------------------------------------------------------------------------------

    def start(self, *, resume: bool) -> None:
        """Make everything that steps need."""
        experiment, options = self.experiment, self.options
        going_on = resume and self.run.state.exists()
        if not going_on:
            experiment.initialize()
        self.data = self._training_data()
        self.batches_per_step = options.accumulate * self.accelerator.num_processes
        epoch = math.ceil(len(self.data) / (options.batch_size * self.batches_per_step))
        self.steps = options.steps or (options.epochs or 0) * epoch
        self.evaluates = "val" in experiment.config.pipeline.splits
        self.eval_every = options.eval_every or max(1, self.steps // 10)
        self.checkpoint_every = options.checkpoint_every or self.eval_every
        with experiment.config.at("training", "monitor"):
            check_monitor(experiment.config.pipeline, experiment.spaces)
        self.state = self._state()
        if going_on:
            self._resume()
        if self.accelerator.is_main_process:
            write_text(self.run.config, experiment.config.dump())
            self.run.forget_after(self.progress.step)

    def _training_data(self) -> TrainingData:
        experiment, options = self.experiment, self.options
        return TrainingData(
            experiment.dataset("train"),
            experiment.spaces,
            experiment.config.pipeline.augment.get("train", []),
            seed=self.seed,
            sampling=options.sampling,
            on_bad_sample=options.on_bad_sample,
            inputs=experiment.model.input_names,
            sources=experiment.blueprint.targets,
            fill=experiment.fill,
        )

    def _state(self) -> TrainingState:
        model, options = self.experiment.model, self.options
        with self.experiment.config.at("training", "groups"):
            freeze(model, options.groups)
            optimizer = build_optimizer(model, options.optimizer, options.groups)
        self.frozen_norms = frozen_norms(model)
        model.to(self.accelerator.device)
        # Before accelerate wraps the model: its wrapping must not be copied along.
        ema = ModelEmaV3(model, options.ema, use_warmup=True) if options.ema else None
        self.wrapped, prepared = self.accelerator.prepare(model, optimizer)
        return TrainingState(model, prepared, ema)

    def _resume(self) -> None:
        metadata = self.state.restore(self.run)
        self.progress = TrainingProgress(**metadata["progress"])
        self.recent = metadata["recent"]
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(metadata["scaler"])
        logger.info("going on after step %d of %d", self.progress.step, self.steps)

    def batches(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step that is left, one for each round of accumulation.

        No step is left once ``early_stop`` has waited enough.
        """
        options, left = self.options, self.steps - self.progress.step
        loader = training_loader(
            self.data,
            self.progress.step * options.batch_size * self.batches_per_step,
            left * options.accumulate,
            options.batch_size,
            workers=options.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
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
        torch.manual_seed(_seed(self.seed, step, self.accelerator.process_index))
        rate = factor(options.schedule, step, self.steps)
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
            self.accelerator.clip_grad_norm_(self.wrapped.parameters(), options.clip_norm)
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        if self.state.ema is not None:
            self.state.ema.update(self.state.model, step)
        self.progress.step += 1
        self._record(loss, rate, advance)

    def _synchronizing(self, *, last: bool) -> AbstractContextManager[None]:
        return nullcontext() if last else self.accelerator.no_sync(self.wrapped)

    def _backward(self, batch: Batch) -> _Pass:
        on_device = batch.to(self.accelerator.device, non_blocking=True)
        with self.accelerator.autocast():
            scores: Mapping[str, Scores] = self.wrapped(on_device.inputs, on_device.sizes)
        loss = self.experiment.objective(scores, on_device.targets)
        self.accelerator.backward(loss / self.options.accumulate)
        detached = {head: replace(s, tensor=s.tensor.detach()) for head, s in scores.items()}
        return _Pass(batch, detached, loss.detach())

    def _mean_loss(self, passes: list[_Pass]) -> float:
        """Return the mean loss of all processes; they learn of each other's signals on the way.

        Looked at once a step, for the host waits for the device.
        """
        losses = torch.stack([one.loss for one in passes]).float()
        row = torch.cat([losses, losses.new_full((1,), self.stop.signal_number)])
        rows: list[list[float]] = self.accelerator.gather(row[None]).tolist()  # pyright: ignore[reportAttributeAccessIssue]
        self.stopped_by = int(max(row.pop() for row in rows))
        values = [value for row in rows for value in row]
        if not all(map(math.isfinite, values)):
            raise self._diverged(rows, passes)
        return sum(values) / len(values)

    def _diverged(self, rows: list[list[float]], passes: list[_Pass]) -> Diverged:
        """Return the error of this process, given the losses of each process."""
        where = f"in step {self.progress.step + 1}"
        for value, one in zip(rows[self.accelerator.process_index], passes, strict=True):
            if not math.isfinite(value):
                targets = one.batch.to(self.accelerator.device).targets
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
        if self.progress.step % self.options.log_every == 0 or self.progress.step == self.steps:
            mean = sum(self.recent) / len(self.recent)
            self._log({"train/loss": mean, "lr": self.options.optimizer.lr * rate})
            self.recent.clear()

    def _log(self, values: Mapping[str, float]) -> None:
        if self.accelerator.is_main_process:
            finite = {name: finite_or_none(value) for name, value in values.items()}
            self.run.log({"step": self.progress.step, "seconds": self.progress.seconds} | finite)

    # -- between steps ---------------------------------------------------------------------------

    def _after_step(self) -> None:
        step, last = self.progress.step, self.progress.step == self.steps
        if self.stopped_by and not last:  # whoever asks for it may not wait for an evaluation
            self._save_state()
            raise Interrupted(
                f"stopped after step {step} of {self.steps}; the state is saved: "
                "--resume auto goes on from there",
                self.stopped_by,
            )
        if self._is_due():
            self._evaluate_or_save()
        if self._is_due() or step % self.checkpoint_every == 0:
            self._save_state()

    def _is_due(self) -> bool:
        """Tell whether the weights of this step are to be evaluated, or kept."""
        step = self.progress.step
        return step > 0 and (step % self.eval_every == 0 or step == self.steps)

    def _evaluate_or_save(self) -> None:
        self.progress.judged = self.progress.step
        if self.evaluates:
            self._evaluate()
        else:
            self._save_weights(None)

    def _save_state(self) -> None:
        self._write(lambda: self.state.save(self.run, self._metadata()))

    def _write(self, write: Callable[[], None]) -> None:
        """Write in the main process; an error of the disk says what is left to go on from."""
        try:
            on_main_process(self.accelerator, write)
        except Diverged:
            raise
        except PluxelError as error:
            there = self.run.state.exists()
            way = "; --resume auto goes on from it" if there else ""
            raise PluxelError(error.message, [*error.notes, last_good(self.run) + way]) from error

    def _metadata(self) -> dict[str, Any]:
        """Return what resuming needs besides tensors."""
        scaler = self.accelerator.scaler  # of gradients in float16
        return {
            "progress": asdict(self.progress),
            "recent": self.recent,
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def _evaluate(self) -> None:
        share_buffers(self.state.judged)
        with cudnn_benchmark(False):
            evaluation = self.experiment.evaluate(self.state.judged, "val")
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


def _seed(*numbers: int) -> int:
    """Return one 63-bit seed for several numbers; neighbors give unrelated ones."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the split as a whole, without those of single classes."""
    names = [name for name in scalars if not name.rpartition("/")[0].endswith(("iou", "accuracy"))]
    return ", ".join(f"{name} {scalars[name]:.4f}" for name in names)
