"""A training: steps, evaluations, checkpoints; stopped and resumed at will."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor

from ...registry import PluxelError, did_you_mean
from ..contracts import Scores
from ..data import Batch, TrainingData, training_loader
from ..files import write_json, write_text
from ..model import SegmentationModel
from ..progress import Advance, duration, track
from .checkpoint import (
    flatten_optimizer,
    read_tensors,
    restore_optimizer,
    with_prefix,
    without_prefix,
    write_tensors,
)
from .evaluate import Evaluation
from .experiment import Experiment
from .optimizer import build_optimizer, freeze
from .schedule import factor
from .signals import Interrupted, StopRequest, stop_requests

logger = logging.getLogger("pluxel")


class Diverged(PluxelError):  # noqa: N818 - reads as what it says
    """A loss or a weight is not a number any more."""


@dataclass
class Progress:
    """What a training remembers besides tensors.

    ``best`` is the best value of ``monitor`` so far, found at ``best_step``; ``waited`` counts the
    evaluations since; ``seconds`` is the time spent, over all sessions.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    seconds: float = 0.0


class Trainer:
    """Trains the model of a experiment; nothing is read or written before ``run``."""

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
        self._start(resume=resume)
        began = time.monotonic() - self.progress.seconds
        with stop_requests() as stop, track("training", self.steps, self.progress.step) as advance:
            for batches in self._batches():
                self._step(batches, advance)
                self.progress.seconds = time.monotonic() - began
                self._after_step(stop)
                if self._waited_enough():
                    break
        logger.info("trained %d steps in %s", self.progress.step, duration(self.progress.seconds))

    # -- beginning ---------------------------------------------------------------------------

    def _start(self, *, resume: bool) -> None:
        experiment, options = self.experiment, self.options
        model = experiment.model
        going_on = resume and self.run.state.exists()
        if not going_on:
            experiment.initialise()
        self.data = TrainingData(
            experiment.dataset("train"),
            experiment.spaces,
            experiment.config.pipeline.augment.get("train", []),
            seed=self.seed,
            sampling=options.sampling,
            on_bad_sample=options.on_bad_sample,
            inputs=model.input_names,
            sources=experiment.blueprint.targets,
            fill=experiment.fill,
        )
        self.batches_per_step = options.accumulate * self.accelerator.num_processes
        samples_per_step = options.batch_size * self.batches_per_step
        epoch = math.ceil(len(self.data) / samples_per_step)
        self.steps = options.steps or (options.epochs or 0) * epoch
        self.evaluates = "val" in experiment.config.pipeline.splits
        self.eval_every = options.eval_every or max(1, self.steps // 10)
        self.checkpoint_every = options.checkpoint_every or self.eval_every
        with experiment.config.at("training", "groups"):
            freeze(model, options.groups)
            optimizer = build_optimizer(model, options.optimizer, options.groups)
        self._check_monitor()
        model.to(self.accelerator.device)
        # Before accelerate wraps the model: its wrapping must not be copied along.
        self.ema = ModelEmaV3(model, options.ema, use_warmup=True) if options.ema else None
        self.wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        if going_on:
            self._restore()
        elif self.accelerator.is_main_process:
            write_text(self.run.config, experiment.config.dump())

    def _check_monitor(self) -> None:
        """Refuse a ``monitor`` that no evaluation will ever report."""
        monitor = self.options.monitor
        if monitor is None:
            return
        with self.experiment.config.at("training", "monitor"):
            if not self.evaluates:
                raise PluxelError(
                    "without a split 'val' there is nothing to monitor: monitor: null"
                )
            names = self.experiment.evaluator.scalar_names("val")
            if monitor not in names:
                raise PluxelError(f"nothing is called {monitor!r}.{did_you_mean(monitor, names)}")

    def _batches(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step that is left, one for each round of accumulation."""
        accumulate, size = self.options.accumulate, self.options.batch_size
        left = self.steps - self.progress.step
        loader = training_loader(
            self.data,
            self.progress.step * size * self.batches_per_step,
            left * accumulate,
            size,
            workers=self.options.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )
        batches = iter(loader)
        for _ in range(left):
            yield [next(batches) for _ in range(accumulate)]

    # -- a step --------------------------------------------------------------------------------

    def _step(self, batches: list[Batch], advance: Advance) -> None:
        options, step = self.options, self.progress.step
        # What dropout draws is a function of the step, so a resumed run draws the same.
        torch.manual_seed(_mix(self.seed, step, self.accelerator.process_index))
        rate = factor(options.schedule, step, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.wrapped.train()
        loss = 0.0
        for i, batch in enumerate(batches):
            with self._synchronising(last=i == len(batches) - 1):
                loss += self._backward(batch.to(self.accelerator.device, non_blocking=True))
        if options.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.wrapped.parameters(), options.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update(self.experiment.model, step)
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
                f"the batch is {', '.join(batch.names)}. {self._last_good()}"
            )
        return value

    def _last_good(self) -> str:
        if self.run.state.exists():
            return f"The last good checkpoint is kept: {self.run.state}"
        return "There is no checkpoint yet"

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

    # -- between steps -----------------------------------------------------------------------

    def _after_step(self, stop: StopRequest) -> None:
        step, last = self.progress.step, self.progress.step == self.steps
        due = step % self.eval_every == 0 or last
        if due and self.evaluates:
            self._evaluate()
        elif due:
            self._save_weights(None)
        if stop or last or due or step % self.checkpoint_every == 0:
            self._save_state()
        if stop.signal_number is not None and not last:
            raise Interrupted(
                f"stopped after step {step} of {self.steps}; the state is saved: "
                "--resume auto goes on from there",
                stop.signal_number,
            )

    def _waited_enough(self) -> bool:
        patience = self.options.early_stop
        if patience is None or self.progress.waited < patience.patience:
            return False
        waited, monitor = self.progress.waited, self.options.monitor
        logger.info("stopped early: no better %s in %d evaluations", monitor, waited)
        return True

    @property
    def _judged(self) -> SegmentationModel:
        """The model that is evaluated and kept: the moving average where there is one."""
        return self.experiment.model if self.ema is None else self.ema.module  # pyright: ignore[reportReturnType]

    def _evaluate(self) -> None:
        evaluation = self.experiment.evaluate(self._judged, "val")
        scalars = evaluation.scalars("val")
        self._log(scalars)
        logger.info("step %d: %s", self.progress.step, _summary(scalars))
        if self._improved(scalars):
            self._save_weights(evaluation)

    def _improved(self, scalars: Mapping[str, float]) -> bool:
        """Tell whether these weights are to be kept: the best by ``monitor``, or the last."""
        options, progress = self.options, self.progress
        if options.monitor is None:
            return True
        value = scalars[options.monitor]
        if math.isnan(value):  # the class was absent: neither better nor worse
            return progress.best is None
        sign = -1 if (options.mode or _mode(options.monitor)) == "min" else 1
        gain = math.inf if progress.best is None else sign * (value - progress.best)
        significant = options.early_stop.min_delta if options.early_stop else 0.0
        progress.waited = 0 if gain > significant else progress.waited + 1
        if gain > 0:
            progress.best, progress.best_step = value, progress.step
        return gain > 0

    # -- files ---------------------------------------------------------------------------------

    def _save_weights(self, evaluation: Evaluation | None) -> None:
        if not self.accelerator.is_main_process:
            return
        self._check_finite()
        metadata = {"step": self.progress.step, "blueprint": self.experiment.blueprint.to_json()}
        write_tensors(self.run.weights, self._judged.state_dict(), metadata)
        if evaluation is not None:
            found = {"split": "val", "step": self.progress.step} | evaluation.to_json()
            write_json(self.run.results, found)

    def _save_state(self) -> None:
        if not self.accelerator.is_main_process:
            return
        self._check_finite()
        optimizer, plain = flatten_optimizer(self.optimizer)
        tensors: dict[str, Tensor] = with_prefix("model", self.experiment.model.state_dict())
        tensors |= with_prefix("optimizer", optimizer)
        if self.ema is not None:
            tensors |= with_prefix("ema", self.ema.module.state_dict())
        metadata = {"progress": asdict(self.progress), "optimizer": plain, "recent": self.recent}
        write_tensors(self.run.state, tensors, metadata)

    def _check_finite(self) -> None:
        """Refuse to overwrite good weights with broken ones."""
        for name, value in self.experiment.model.named_parameters():
            if not value.isfinite().all():
                raise Diverged(
                    f"the weights of {name} are not finite after step {self.progress.step}. "
                    f"{self._last_good()}"
                )

    def _restore(self) -> None:
        tensors, metadata = read_tensors(self.run.state)
        try:
            self.experiment.model.load_state_dict(without_prefix("model", tensors))
            if self.ema is not None:
                self.ema.module.load_state_dict(without_prefix("ema", tensors))
            restore_optimizer(
                self.optimizer, without_prefix("optimizer", tensors), metadata["optimizer"]
            )
        except (KeyError, RuntimeError, ValueError) as error:
            raise PluxelError(
                f"{self.run.state} is from another model or optimiser than this configuration's: "
                f"{error}"
            ) from error
        self.progress = Progress(**metadata["progress"])
        self.recent = metadata["recent"]
        self.run.forget_after(self.progress.step)
        logger.info("going on after step %d of %d", self.progress.step, self.steps)


def _mix(*numbers: int) -> int:
    """Return one 63-bit seed for several numbers (SplitMix64 steps: neighbours are unrelated)."""
    mixed = 0
    for number in numbers:
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed >> 1


def _mode(monitor: str) -> str:
    return "min" if monitor.endswith("loss") else "max"


def _summary(scalars: Mapping[str, float]) -> str:
    """Return the scores of the split as a whole, without those of single classes."""
    overall = {name: value for name, value in scalars.items() if "iou/" not in name}
    return ", ".join(
        f"{name} {value:.4f}" for name, value in overall.items() if "accuracy/" not in name
    )
