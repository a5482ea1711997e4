"""Networks for the tests of dilation."""

from __future__ import annotations

import torch
from pluxel.core.geometry.dilation import DenseMap, Dilation
from torch import Tensor, nn
from torch.nn import functional

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def small(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), *layers).eval()


class FunctionalDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return functional.dropout(self.scale * image, 0.5, training=self.training)


class Dilated(nn.Module):
    """A network ``network(image) -> map or maps`` that runs at a finer stride than its own."""

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        super().__init__()
        self.network = network
        self.dilation = Dilation(network, in_channels, output_stride)

    @property
    def maps(self) -> tuple[DenseMap, ...]:
        return self.dilation.maps

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        layers = [*self.network.children()] or [self.network]
        return self.dilation(self.network, image, layers)

    def by_fragments(self, image: Tensor) -> Tensor | list[Tensor]:
        return self.dilation.by_fragments(self.network, image)
