"""A plugin whose components have the names of others."""

from __future__ import annotations

from typing import Any

from pluxel.core import Scores
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn
from zoo import Zoo


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [Component("zoo", "namesakes:Namesake", "Small networks.")]


@hookimpl
def pluxel_decoders() -> list[Component]:
    return [
        Component("fcn8s", "namesakes:LastMap", "Scores of the last map."),
        Component("needy", "namesakes:Needy", "Needs a parameter."),
    ]


class Namesake(Zoo):
    """The same networks."""


class LastMap(nn.Module):
    """One convolution of the last map."""

    def __init__(self, features: Any, num_classes: int) -> None:
        super().__init__()
        self.grid = features[-1].grid
        self.score = nn.Conv2d(features[-1].channels, num_classes, 1)

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.score(maps[-1]), self.grid)


class Needy(LastMap):
    """Needs a parameter."""

    def __init__(self, features: Any, num_classes: int, *, amount: int) -> None:
        super().__init__(features, num_classes)
        self.amount = amount
