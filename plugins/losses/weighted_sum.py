"""The weighted sum of several losses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ...core import ClassFrequencies, Factory, Loss
from ...registry import PluxelError


class Term(BaseModel):
    """One loss of a sum, and its factor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: Factory[Loss]
    weight: Annotated[float, Field(ge=0)] = 1.0


class WeightedSum(nn.Module):
    """Σ weight · loss over its terms, which share labels, ignored pixels and class frequencies.

    ``terms``: a list of ``{loss: …, weight: 1}``; a loss may be a weighted sum itself. The second
    ``dice`` is called ``dice_2``.

    Raises: PluxelError if all weights are 0.
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
        if not any(term.weight for term in terms):
            raise PluxelError("every term has the weight 0, so nothing is trained")
        self.terms: dict[str, tuple[float, Loss]] = {}
        for term in terms:
            loss = term.loss(
                num_classes=num_classes,
                ignore_index=ignore_index,
                class_names=class_names,
                class_frequencies=class_frequencies,
            )
            name = _free_name(term.loss.component.name, self.terms)
            self.terms[name] = (term.weight, loss)
        # Registered by number, because a third-party name might be that of an attribute.
        self._modules_of_terms = nn.ModuleList(
            loss for _, loss in self.terms.values() if isinstance(loss, nn.Module)
        )

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return Σ weight · loss."""
        return torch.stack(
            [weight * loss(logits, target) for weight, loss in self.terms.values()]
        ).sum()


def _free_name(name: str, taken: Collection[str]) -> str:
    candidates = [name, *(f"{name}_{count}" for count in range(2, len(taken) + 2))]
    return next(candidate for candidate in candidates if candidate not in taken)
