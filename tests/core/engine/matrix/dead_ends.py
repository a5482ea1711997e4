"""A plugin through which some gradients do not flow."""

from __future__ import annotations

from typing import Any

from namesakes import LastMap
from pluxel.core import Scores
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn
from zoo import Zoo


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [Component("constant", "dead_ends:Constant", "Maps that do not depend on weights.")]


@hookimpl
def pluxel_decoders() -> list[Component]:
    return [
        Component("detached", "dead_ends:Detached", "Scores of detached maps."),
        Component("zero", "dead_ends:Zero", "Weights that start at zero."),
    ]


class Constant(Zoo):
    def forward(self, image: Tensor) -> list[Tensor]:
        return [one * 0 + 1 for one in super().forward(image)]


class Detached(LastMap):
    def forward(self, maps: list[Tensor]) -> Scores:
        return super().forward([one.detach() for one in maps])


class Zero(LastMap):
    def __init__(self, features: Any, num_classes: int) -> None:
        super().__init__(features, num_classes)
        nn.init.zeros_(self.score.weight)
