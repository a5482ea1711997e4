"""Networks for the tests of dilation."""

from __future__ import annotations

import torch
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
