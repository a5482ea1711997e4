"""A backbone that keeps every guarantee, and for each guarantee a backbone that violates it."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pluxel.core import FeatureSpec, Grid, Normalization
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn

RANDOM = {"copies", "same_seed", "state_dict", "receptive_fields"}


@hookimpl
def pluxel_backbones() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_backbones:{one.__name__}", "x") for one in classes
    ]


class Good(nn.Module):
    """One convolution of stride 4."""

    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()
    channels: ClassVar[int] = 6
    grid: ClassVar[Grid] = Grid(4, 1)
    receptive_field: ClassVar[tuple[float, float]] = (5, 5)

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.normalization = Normalization()
        self.conv = nn.Conv2d(in_channels, 6, kernel_size=5, stride=4, padding=1)
        spec = FeatureSpec("conv", self.channels, self.grid, self.receptive_field, "computed")
        self.feature_specs = [spec]

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.changed(self.conv(image))]

    def changed(self, found: Tensor) -> Tensor:
        return found


class WrongChannels(Good):
    caught_by = "maps_match_specs"
    channels = 7


class MapsInFloat64(Good):
    caught_by = "maps_match_specs"

    def forward(self, image: Tensor) -> list[Tensor]:
        return [one.double() for one in super().forward(image)]


class WrongOffset(Good):
    caught_by = "grids_are_measured"
    grid = Grid(4)


class SmallField(Good):
    caught_by = "receptive_fields"
    receptive_field = (3, 3)


class HasALayerToSpare(Good):
    caught_by = "gradients"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self.spare = nn.Conv2d(3, 3, kernel_size=1)


class Noisy(Good):
    caught_by = "deterministic"
    also: ClassVar = RANDOM

    def changed(self, found: Tensor) -> Tensor:
        return found * (1 + 1e-5 * torch.rand_like(found))


class MixesTheBatch(Good):
    caught_by = "batch_independence"

    def changed(self, found: Tensor) -> Tensor:
        return found + found.mean(0, keepdim=True)


class ThreeChannels(Good):
    caught_by = "input_channels"

    def __init__(self, in_channels: int) -> None:
        super().__init__(3)


class IgnoresTheStride(Good):
    caught_by = "output_strides"

    def __init__(self, in_channels: int, *, output_stride: Literal[2, 4] | None = None) -> None:
        super().__init__(in_channels)


class StaysOnTheCpu(Good):
    caught_by = "devices"

    def changed(self, found: Tensor) -> Tensor:
        return found + torch.zeros(6, 1, 1, device="cpu") if found.device.type != "meta" else found


class WantsContiguous(Good):
    caught_by = "channels_last"

    def forward(self, image: Tensor) -> list[Tensor]:
        return [2 * self.conv(image) if not image.is_contiguous() else self.conv(image)]


class OverflowsInBfloat16(Good):
    caught_by = "autocast"

    def changed(self, found: Tensor) -> Tensor:
        return found * 3e38 * 1e3 if found.dtype == torch.bfloat16 else found


class ForgetsAWeight(Good):
    caught_by = "state_dict"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self.hidden = torch.randn(6, 1, 1)

    def changed(self, found: Tensor) -> Tensor:
        return found + self.hidden.to(found.device)


class Branches(Good):
    caught_by = "export"
    also: ClassVar = {"devices"}

    def changed(self, found: Tensor) -> Tensor:
        return found if found.sum() > 0 else found * 1
