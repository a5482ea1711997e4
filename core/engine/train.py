"""A training: steps, evaluations, checkpoints; stopped and resumed at will."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from timm.utils.model_ema import ModelEmaV3

from ..contracts import Scores
from ..data import Batch, TrainingData, training_loader
from ..files import write_json, write_text
from ..logs import logger
from ..progress import Advance, duration, track
from .evaluate import Evaluation
from .experiment import Experiment
from .monitor import Progress, check_monitor, has_waited_enough, is_improvement
from .optimizer import build_optimizer, freeze
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests
from .state import Diverged, State, last_good


class Trainer:
    """Trains the model of an experiment; nothing is read or written before ``train``."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.run = experiment.run
        self.options = experiment.config.pipeline.training
        self.seed = experiment.config.pipeline.seed
        self.accelerator = experiment.accelerator
        self.progress = Progress()
        self.recent: list[float] = []

    def train(self, *, resume: bool) -> None:
        """Train to the end, or go on from the last checkpoint if ``resume`` and there is one.

        Raises: Diverged, Interrupted (the state is saved), or whatever is wrong with the data.
        """
        self.start(resume=resume)
        began = time.monotonic() - self.progress.seconds
        with stop_requests() as stop, track("training", self.steps, self.progress.step) as advance:
            for batches in self.batches():
                self.step(batches, advance)
                self.progress.seconds = time.monotonic() - began
                self._after_step(stop)
                if has_waited_enough(self.progress, self.options):
                    logger.info("stopped early: no better %s", self.options.monitor)
                    break
        logger.info("trained %d steps in %s", self.progress.step, duration(self.progress.seconds))

    # -- beginning -------------------------------------------------------------------------------

    def start(self, *, resume: bool) -> None:
        """Make everything that steps need."""
        experiment, options = self.experiment, self.options
        going_on = resume and self.run.state.exists()
        if not going_on:
            experiment.initialise()
        self.data = self._training_data()
        self.batches_per_step = options.accumulate * self.accelerator.num_processes
        epoch = math.ceil(len(self.data) / (options.batch_size * self.batches_per_step))
        self.steps = options.steps or (options.epochs or 0) * epoch
        self.evaluates = "val" in experiment.config.pipeline.splits
        self.eval_every = options.eval_every or max(1, self.steps // 10)
        self.checkpoint_every = options.checkpoint_every or self.eval_every
        with experiment.config.at("training", "monitor"):
            check_monitor(
                options, experiment.evaluator.scalar_names("val") if self.evaluates else ()
            )
        self.state = self._state()
        if going_on:
            self._go_on()
        if self.accelerator.is_main_process:
            write_text(self.run.config, experiment.config.dump())
            self.run.forget_after(self.progress.step)
        # Batches of one are images of any size, and trying algorithms for each would cost more.
        torch.backends.cudnn.benchmark = (
            options.batch_size > 1 and not experiment.config.pipeline.deterministic
        )

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

    def _state(self) -> State:
        model, options = self.experiment.model, self.options
        with self.experiment.config.at("training", "groups"):
            freeze(model, options.groups)
            optimizer = build_optimizer(model, options.optimizer, options.groups)
        model.to(self.accelerator.device)
        # Before accelerate wraps the model: its wrapping must not be copied along.
        ema = ModelEmaV3(model, options.ema, use_warmup=True) if options.ema else None
        self.wrapped, prepared = self.accelerator.prepare(model, optimizer)
        return State(model, prepared, ema)

    def _go_on(self) -> None:
        metadata = self.state.restore(self.run)
        self.progress = Progress(**metadata["progress"])
        self.recent = metadata["recent"]
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(metadata["scaler"])
        logger.info("going on after step %d of %d", self.progress.step, self.steps)

    def batches(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step that is left, one for each round of accumulation."""
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
            yield [next(batches) for _ in range(options.accumulate)]

    # -- a step ----------------------------------------------------------------------------------

    def step(self, batches: list[Batch], advance: Advance) -> None:
        """Update the weights once."""
        options, step = self.options, self.progress.step
        # What dropout draws is a function of the step, so a resumed run draws the same.
        torch.manual_seed(_seed(self.seed, step, self.accelerator.process_index))
        rate = factor(options.schedule, step, self.steps)
        for group in self.state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.wrapped.train()
        loss = 0.0
        for i, batch in enumerate(batches):
            with self._synchronising(last=i == len(batches) - 1):
                loss += self._backward(batch.to(self.accelerator.device, non_blocking=True))
        if options.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.wrapped.parameters(), options.clip_norm)
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        if self.state.ema is not None:
            self.state.ema.update(self.state.model, step)
        self.progress.step += 1
        self._note(loss / len(batches), rate, advance)

    def _synchronising(self, *, last: bool) -> AbstractContextManager[None]:
        return nullcontext() if last else self.accelerator.no_sync(self.wrapped)

    def _backward(self, batch: Batch) -> float:
        with self.accelerator.autocast():
            scores: Mapping[str, Scores] = self.wrapped(batch.inputs, batch.sizes)
        loss = self.experiment.objective(scores, batch.targets)
        # The loss is looked at while the backward pass is still under way on the device.
        self.accelerator.backward(loss / self.options.accumulate)
        value = loss.item()
        if not math.isfinite(value):
            terms = ", ".join(self.experiment.objective.bad_terms(scores, batch.targets))
            raise Diverged(
                f"the loss is {value} in step {self.progress.step + 1}: {terms} not finite; "
                f"the batch is {', '.join(batch.names)}. {last_good(self.run)}"
            )
        return value

    def _note(self, loss: float, rate: float, advance: Advance) -> None:
        """Show the loss, and log its mean over an interval."""
        self.recent.append(loss)
        advance(note=f"loss {loss:.4f}")
        if self.progress.step % self.options.log_every == 0 or self.progress.step == self.steps:
            mean = sum(self.recent) / len(self.recent)
            self._log({"train/loss": mean, "lr": self.options.optimizer.lr * rate})
            self.recent.clear()

    def _log(self, values: Mapping[str, float]) -> None:
        if self.accelerator.is_main_process:
            finite = {k: v if math.isfinite(v) else None for k, v in values.items()}
            self.run.log({"step": self.progress.step, "seconds": self.progress.seconds} | finite)

    # -- between steps ---------------------------------------------------------------------------

    def _after_step(self, stop: StopRequest) -> None:
        step, last = self.progress.step, self.progress.step == self.steps
        due = step % self.eval_every == 0 or last
        if due and self.evaluates:
            self._evaluate()
        elif due:
            self._save_weights(None)
        if (stop or due or step % self.checkpoint_every == 0) and self.accelerator.is_main_process:
            self.state.save(self.run, self._metadata())
        if stop.signal_number is not None and not last:
            raise Interrupted(
                f"stopped after step {step} of {self.steps}; the state is saved: "
                "--resume auto goes on from there",
                stop.signal_number,
            )

    def _metadata(self) -> dict[str, Any]:
        """Return what resuming needs besides tensors."""
        scaler = self.accelerator.scaler  # of gradients in float16
        return {
            "progress": asdict(self.progress),
            "recent": self.recent,
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def _evaluate(self) -> None:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False):
            evaluation = self.experiment.evaluate(self.state.judged, "val")
        scalars = evaluation.scalars("val")
        self._log(scalars)
        logger.info("step %d: %s", self.progress.step, _summary(scalars))
        if is_improvement(self.progress, self.options, scalars):
            self._save_weights(evaluation)

    def _save_weights(self, evaluation: Evaluation | None) -> None:
        if not self.accelerator.is_main_process:
            return
        step, blueprint = self.progress.step, self.experiment.blueprint.to_json()
        self.state.save_weights(self.run, {"step": step, "blueprint": blueprint})
        if evaluation is not None:
            write_json(
                self.run.results_of("val"), {"split": "val", "step": step} | evaluation.to_json()
            )


def _seed(*numbers: int) -> int:
    """Return one 63-bit seed for several numbers; neighbours give unrelated ones."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the split as a whole, without those of single classes."""
    names = [name for name in scalars if not name.rpartition("/")[0].endswith(("iou", "accuracy"))]
    return ", ".join(f"{name} {scalars[name]:.4f}" for name in names)
