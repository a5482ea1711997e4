"""Several losses at once, each with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ...core import Factory, Loss
from ...core.contracts import ClassFrequencies


class Term(BaseModel):
    """One loss of a sum, and the factor that it is multiplied with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: Factory[Loss]
    weight: Annotated[float, Field(ge=0)] = 1.0


class WeightedSum(nn.Module):
    """Σ weight · loss over its terms, which share labels, ignored pixels and class frequencies.

    ``terms``: a list of ``{loss: …, weight: 1}``; a loss may be a weighted sum itself.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_names: Sequence[str],
        class_frequencies: ClassFrequencies,
        *,
        terms: Annotated[list[Term], Field(min_length=1)],
    ) -> None:
        super().__init__()
        self._losses: dict[str, Loss] = {}
        self._weights: dict[str, float] = {}
        for term in terms:
            name = _free_name(term.loss.component.name, self._losses)
            loss = term.loss(
                num_classes=num_classes,
                ignore_index=ignore_index,
                class_names=class_names,
                class_frequencies=class_frequencies,
            )
            self._losses[name] = loss
            self._weights[name] = term.weight
        # Registered by number: a third party's name might be that of an attribute.
        self._modules_of_terms = nn.ModuleList(
            loss for loss in self._losses.values() if isinstance(loss, nn.Module)
        )

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return Σ weight · loss."""
        return torch.stack(
            [self._weights[name] * loss(logits, target) for name, loss in self._losses.items()]
        ).sum()

    def terms(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the value of each loss by name, without its weight.

        The second ``dice`` is ``dice_2``; the terms of a sum within are ``weighted_sum/dice``.
        """
        values: dict[str, Tensor] = {}
        for name, loss in self._losses.items():
            if isinstance(loss, WeightedSum):
                inner = loss.terms(logits, target)
                values |= {f"{name}/{part}": value for part, value in inner.items()}
            else:
                values[name] = loss(logits, target)
        return values

    @property
    def chosen_weights(self) -> dict[str, float]:
        """The class weights of the terms that have any, by ``term/class``."""
        return {
            f"{name}/{key}": weight
            for name, loss in self._losses.items()
            for key, weight in getattr(loss, "chosen_weights", {}).items()
        }


def _free_name(name: str, taken: dict[str, Loss]) -> str:
    names = [name, *(f"{name}_{count}" for count in range(2, len(taken) + 2))]
    return next(one for one in names if one not in taken)
