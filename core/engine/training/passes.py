"""Forward passes of a training: scores and loss in one module, and the weight of each pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...data.batch import Batch
from ...geometry.scores import Scores
from ...model.network import SegmentationModel
from ...model.objective import Objective, loss_names
from ..distributed import Processes

Shares = Mapping[str, Sequence[Tensor]]
"""Head -> a factor () for each term of its loss."""


class ForwardPass(nn.Module):
    """``forward(batch, shares) -> (loss, detached losses by name, detached scores)``.

    The loss is the only output with a gradient, so that several processes know which parameters
    it depends on. They need not be the same in each process and step.
    """

    def __init__(
        self, model: SegmentationModel, objective: Callable[[], Objective], processes: Processes
    ) -> None:
        super().__init__()
        self.model = model
        # PyTorch warns on stderr if it searches for unused parameters and every one is used.
        self.never_used = nn.Parameter(torch.zeros(()))
        self._objective, self._processes = objective, processes

    def forward(
        self, batch: Batch, shares: Shares | None
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Scores]]:
        """Return the loss () of a batch on the device, what to log, and the scores of each head.

        To log are ``loss``, and if there are several heads, ``HEAD/loss`` without its weight.
        """
        with self._processes.autocast():
            scores: dict[str, Scores] = self.model(batch.inputs, batch.sizes)
        with torch.autocast(self._processes.device.type, enabled=False):
            objective = self._objective()
            losses = objective.by_head(scores, batch.targets, shares)
            loss = objective.total(losses)
        named = {"loss": loss} | {name: losses[h] for h, name in loss_names([*losses]).items()}
        return (
            loss,
            {name: value.detach() for name, value in named.items()},
            {name: replace(s, tensor=s.tensor.detach()) for name, s in scores.items()},
        )


def shares_of_passes(
    objective: Objective, batches: Sequence[Batch], processes: Processes
) -> list[Shares | None]:
    """Return the shares of each forward pass of an update, whose mean over all processes counts.

    With them, a sum over pixels is divided by the normalizer of all passes together: each labeled
    pixel counts alike. Without a normalizer, each pass counts alike. None: a single pass.
    """
    passes = len(batches) * processes.num_processes
    if passes == 1:
        return [None]
    own = [objective.normalizers(batch.targets) for batch in batches]
    shares: list[dict[str, Sequence[Tensor]]] = [{} for _ in batches]
    for head in objective.losses:
        found = torch.stack([one[head] for one in own])  # (batches, terms)
        total = processes.gather(found.sum(0, keepdim=True)).sum(0)
        scaled = torch.where(total > 0, found * (passes / total), 1.0)
        for one, row in zip(shares, scaled, strict=True):
            one[head] = row.unbind()
    return [*shares]


def untrained(model: nn.Module) -> list[str]:
    """Return the largest modules without any gradient after a backward pass, and parameters.

    Frozen parameters do not count.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    trained = {
        parent for name, p in parameters.items() if p.grad is not None for parent in _parents(name)
    }
    idle = (name for name, p in parameters.items() if p.grad is None)
    return [
        *dict.fromkeys(
            next((parent for parent in _parents(name) if parent not in trained), name)
            for name in idle
        )
    ]


def _parents(name: str) -> list[str]:
    """Return the names of the modules that contain a parameter, outermost first."""
    return [name[:i] for i, letter in enumerate(name) if letter == "."]
