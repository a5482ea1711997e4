"""Update the weights once: forward and backward passes, then one step of the optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...common.logs import logger
from ...common.randomness import combined_seed
from ...data.batch import Batch
from ...geometry.scores import Scores
from ...model.weights import first_names
from .experiment import Experiment
from .optimizer import frozen_norms
from .passes import Shares, shares_of_passes, untrained
from .signals import StopRequest
from .single_values import explained
from .state import Diverged, TrainingState, last_good


class _Pass(NamedTuple):
    """Data of a forward and backward pass, kept to explain a loss that is not finite."""

    batch: Batch
    scores: Mapping[str, Scores]
    losses: Mapping[str, Tensor]  # the sum first


class UpdateResult(NamedTuple):
    """What all processes found in a step.

    ``losses``: their means, as `ForwardPass` names them. ``stopped_by``: a signal that any process
    received, or 0. ``pixels``: of all images, without padding.
    """

    losses: dict[str, float]
    stopped_by: int
    pixels: int


class Updater:
    """Updates the weights of a training, together with all its processes.

    ``wrapped``: the forward pass of the model, wrapped for all processes.
    """

    def __init__(self, experiment: Experiment, wrapped: nn.Module, state: TrainingState) -> None:
        self.experiment, self.wrapped, self.state = experiment, wrapped, state
        self.processes = experiment.processes
        self.options = experiment.config.pipeline.training
        self.frozen_norms = frozen_norms(state.model)
        self.reported_untrained = False

    def update(
        self, batches: list[Batch], step: int, rate: float, stop: StopRequest
    ) -> UpdateResult:
        """Update the weights once; accumulate the gradients of all batches.

        ``step``: the number of earlier updates. ``rate``: factor of the initial learning rates.
        ``stop``: whether a signal asked this process to stop, read after the passes.

        Raises: Diverged, in all processes, if the loss of any process is not finite; the weights
        then stay unchanged.
        """
        # Seed dropout by the step, so that a resumed run draws the same masks.
        torch.manual_seed(combined_seed(self.experiment.seed, step, self.processes.process_index))
        for group in self.state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.wrapped.train()
        for norm in self.frozen_norms:
            norm.eval()
        found = self._exchanged(self._passes(batches), step, stop)
        self._report_untrained()
        if self.options.clip_norm is not None:
            self.processes.clip_grad_norm_(self.wrapped.parameters(), self.options.clip_norm)
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        if self.state.ema is not None:
            self.state.ema.update(self.state.model, step)
        return found

    def _passes(self, batches: list[Batch]) -> list[_Pass]:
        """Run each batch forward and backward; only the last pass synchronizes gradients."""
        passes = []
        loaded = [batch.to(self.processes.device, non_blocking=True) for batch in batches]
        shares = shares_of_passes(self.experiment.objective, loaded, self.processes)
        for i, (batch, share) in enumerate(zip(loaded, shares, strict=True)):
            last = i == len(batches) - 1
            with nullcontext() if last else self.processes.no_sync(self.wrapped):
                passes.append(self._backward(batch, share))
        return passes

    def _backward(self, batch: Batch, shares: Shares | None) -> _Pass:
        with explained(self.state.model):
            loss, losses, scores = self.wrapped(batch, shares)
        self.processes.backward(loss / self.options.accumulate)
        return _Pass(batch, scores, losses)

    def _report_untrained(self) -> None:
        """Log once which parameters the losses do not depend on."""
        if not self.reported_untrained:
            self.reported_untrained = True
            if names := untrained(self.state.model):
                logger.info("no loss depends on, so not trained: %s", first_names(names))

    def _exchanged(self, passes: list[_Pass], step: int, stop: StopRequest) -> UpdateResult:
        """Return what all processes found together.

        Reads the device only once per step, since each read makes the host wait.
        """
        names = [*passes[0].losses]
        losses = torch.stack([each.losses[name] for name in names for each in passes]).float()
        pixels = sum(h * w for each in passes for h, w in each.batch.sizes)
        row = torch.cat([losses, losses.new_tensor([pixels, stop.signal_number])])
        rows: list[list[float]] = self.processes.gather(row[None]).tolist()
        stopped_by = int(max(row.pop() for row in rows))
        pixels = int(sum(row.pop() for row in rows))
        values = np.array(rows).reshape(len(rows), len(names), len(passes))
        if not np.isfinite(values[:, 0]).all():
            raise self._diverged(values[:, 0].tolist(), passes, step)
        means = dict(zip(names, values.mean((0, 2)).tolist(), strict=True))
        return UpdateResult(means, stopped_by, pixels)

    def _diverged(self, rows: list[list[float]], passes: list[_Pass], step: int) -> Diverged:
        """Return the error of this process; ``rows``: by process, the loss of each pass."""
        where, run = f"in step {step + 1}", self.experiment.run
        for value, each in zip(rows[self.processes.process_index], passes, strict=True):
            if not math.isfinite(value):
                terms = self.experiment.objective.bad_terms(each.scores, each.batch.targets)
                return Diverged(
                    f"the loss is {value} {where}. Not finite: {', '.join(terms) or 'the sum'}. "
                    f"The batch: {', '.join(each.batch.names)}. {last_good(run)}"
                )
        rank = next(i for i, row in enumerate(rows) if not all(map(math.isfinite, row)))
        return Diverged(
            f"the loss of process {rank} is not finite {where}; its message names the batch. "
            f"{last_good(run)}"
        )
