"""A decoder that keeps every guarantee, and for each guarantee a decoder that violates it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pluxel.core import FeatureSpec, Grid, Scores
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn

RANDOM = {"copies", "same_seed", "state_dict"}


@hookimpl
def pluxel_decoders() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_decoders:{one.__name__}", "x") for one in classes
    ]


class Good(nn.Module):
    """Score the deepest map."""

    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__()
        self.grid = features[-1].grid
        self.score = nn.Conv2d(features[-1].channels, num_classes, kernel_size=1)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        return Scores(self.changed(self.score(maps[-1])), self.grid)

    def changed(self, scores: Tensor) -> Tensor:
        return scores


class WrongGrid(Good):
    caught_by = "pyramids"
    also: ClassVar = {"grid_is_measured", "moves_with_the_image"}

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__(features, num_classes)
        self.grid = Grid(16)


class HalfACellOff(Good):
    caught_by = "grid_is_measured"

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__(features, num_classes)
        stride, offset = self.grid.stride[0], self.grid.offset[0]
        self.grid = Grid(stride, offset + stride / 2)


class KnowsPositions(Good):
    caught_by = "moves_with_the_image"

    def changed(self, scores: Tensor) -> Tensor:
        return scores + torch.arange(scores.shape[-1], device=scores.device)


class HasALayerToSpare(Good):
    caught_by = "gradients"

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__(features, num_classes)
        self.spare = nn.Conv2d(3, 3, kernel_size=1)


class FailsInTraining(Good):
    caught_by = "gradients"

    def changed(self, scores: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("training is not supported")
        return scores


class DropsPathsInTraining(Good):
    """Correct, although a gradient does not reach every parameter each time."""

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__(features, num_classes)
        self.path = nn.Conv2d(features[-1].channels, num_classes, kernel_size=1)
        self.passes = 0

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        scores = self.score(maps[-1])
        self.passes += self.training
        if not self.training or self.passes > 2:
            scores = scores + self.path(maps[-1])
        return Scores(scores, self.grid)


class MixesTheBatch(Good):
    caught_by = "batch_independence"

    def changed(self, scores: Tensor) -> Tensor:
        return scores + scores.mean(0, keepdim=True)


class Noisy(Good):
    caught_by = "deterministic"
    also: ClassVar = RANDOM

    def changed(self, scores: Tensor) -> Tensor:
        return scores * (1 + 1e-5 * torch.rand_like(scores))


class StaysOnTheCpu(Good):
    caught_by = "devices"

    def changed(self, scores: Tensor) -> Tensor:
        return scores + torch.zeros(scores.shape[-1], device="cpu")


class OverflowsInBfloat16(Good):
    caught_by = "autocast"

    def changed(self, scores: Tensor) -> Tensor:
        return scores * 3e38 * 1e3 if scores.dtype == torch.bfloat16 else scores


class ForgetsAWeight(Good):
    caught_by = "state_dict"
    also: ClassVar = {"devices"}  # a tensor that is not registered stays where it was made

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__(features, num_classes)
        self.hidden = torch.randn(num_classes, 1, 1)

    def changed(self, scores: Tensor) -> Tensor:
        return scores + self.hidden


class Branches(Good):
    caught_by = "export"
    also: ClassVar = {"devices"}

    def changed(self, scores: Tensor) -> Tensor:
        return scores if scores.sum() > 0 else scores * 1
