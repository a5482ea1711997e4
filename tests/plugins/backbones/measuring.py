"""Build backbones without memory for weights, and describe their maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def meta(backbone: type, **parameters):
    with torch.device("meta"):
        return backbone(3, **parameters)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def run(backbone: nn.Module, size: int) -> list[tuple[int, ...]]:
    maps = backbone.eval()(torch.zeros(1, 3, size, size, device="meta"))
    return [tuple(one.shape[1:]) for one in maps]


def small(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Expand each large tensor of a state dict from a single number."""
    return {name: torch.ones(()).expand(value.shape) for name, value in state.items()}
