"""Save and restore the tensors of a training: raw weights, moments, moving average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from timm.utils.model_ema import ModelEmaV3

from ....registry import PluxelError
from ...common.logs import logger
from ...common.numerics import not_finite
from ...model.network import SegmentationModel
from ...model.weights import first_names, load_weights
from ..checkpoint import (
    Tensors,
    flatten_optimizer,
    restore_optimizer,
    with_prefix,
    without_prefix,
    write_tensors,
)
from ..run import Run
from .resume import Changes


class Diverged(PluxelError):  # noqa: N818 - the usual word for this failure
    """A loss or a weight is not finite."""


@dataclass
class TrainingState:
    """The tensors of a training; ``ema``: an optional moving average of the weights."""

    model: SegmentationModel
    optimizer: torch.optim.Optimizer
    ema: ModelEmaV3 | None

    @property
    def averaged(self) -> SegmentationModel:
        """The model to evaluate and keep: the moving average if there is one."""
        return self.model if self.ema is None else self.ema.module  # pyright: ignore[reportReturnType]

    def save(self, run: Run, metadata: Mapping[str, Any]) -> None:
        """Write everything that resuming needs.

        Raises: Diverged if weights are not finite; existing files then stay unchanged.
        """
        self._check_finite(run)
        optimizer, plain = flatten_optimizer(self.optimizer, self.model)
        tensors = with_prefix("model", self.model.state_dict())
        tensors |= with_prefix("optimizer", optimizer)
        if self.ema is not None:
            tensors |= with_prefix("ema", self.ema.module.state_dict())
        write_tensors(run.state, tensors, {**metadata, "optimizer": plain})

    def restore(
        self, run: Run, tensors: Tensors, optimizer: Mapping[str, Any], changes: Changes
    ) -> None:
        """Restore what ``save`` wrote; ``changes`` of the configuration may make a part start anew.

        ``tensors``, ``optimizer``: content and metadata of the checkpoint.

        Raises: PluxelError if the checkpoint is from another model.
        """
        load_weights(self.model, without_prefix("model", tensors), run.state)
        if self.ema is not None:  # a checkpoint without averages is from a training without ema
            averages = without_prefix("ema", tensors) or self.model.state_dict()
            load_weights(self.ema.module, averages, run.state)
        if changes.have("new optimizer"):
            return
        moments = without_prefix("optimizer", tensors)
        new = restore_optimizer(self.optimizer, self.model, moments, optimizer)
        if new and moments:  # without moments, this is the start of a phase, or plain SGD
            listed = first_names(new)
            logger.info("without optimizer state in the checkpoint, so with a new one: %s", listed)

    def save_weights(self, run: Run, metadata: Mapping[str, Any]) -> None:
        """Write the weights for prediction.

        Raises: Diverged if weights are not finite; existing files then stay unchanged.
        """
        self._check_finite(run)
        write_tensors(run.weights, self.averaged.state_dict(), metadata)

    def _check_finite(self, run: Run) -> None:
        parameters = {name for name, _ in self.model.named_parameters()}
        for model in dict.fromkeys((self.model, self.averaged)):  # one without ema
            if (name := not_finite(model.state_dict(), parameters)) is not None:
                raise Diverged(f"the values of {name} are not finite. {last_good(run)}")


def last_good(run: Run) -> str:
    """Return a sentence that names the last good checkpoint of a failed training."""
    if run.state.exists():
        return f"The last good checkpoint is kept: {run.state}"
    return "There is no checkpoint yet"
