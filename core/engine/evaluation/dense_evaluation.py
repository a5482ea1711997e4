"""Compare dense evaluation of a classifier in one pass with evaluation on crops.

Long, Shelhamer, Darrell, PAMI 2016, section 3.1: one pass over a 500×500 image gives a 10×10 map of
outputs "more than five times faster" than a hundred crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ....registry import Host
from ...common.devices import choose_device
from ...common.timing import in_turns, multiply_adds

IMAGE, CROP = 500, 224
"""Side lengths in pixels; the crop is the smallest image whose map has one cell."""


@dataclass(frozen=True)
class DenseEvaluation:
    """Median seconds and multiply-adds of one pass and of the crops, one per cell of its map."""

    cells: tuple[int, int]
    forward: dict[str, float]
    backward: dict[str, float]
    multiply_adds: dict[str, int]


def dense_evaluation(host: Host, *, rounds: int = 3, device: str = "cpu") -> DenseEvaluation:
    """Measure AlexNet with its classifier as convolutions, with ceiling pools and no dropout.

    ``backward`` times a forward and a backward pass with the gradients of all weights.
    """
    target: Any = host.load(host.get("backbone", "pluxel/alexnet"))
    network: nn.Module = _Last(target(3, fc6_padding="valid", dropout=0.0)).eval()
    cost = _costs(network)
    place = choose_device(device)
    network.to(place)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, IMAGE, IMAGE, generator=generator).to(place)
    with torch.inference_mode():
        height, width = network(image).shape[-2:]
    crops = _crops(image, height, width)
    inputs = {"one pass": image, "crops": crops}
    with torch.inference_mode():
        forward = in_turns({n: _call(network, x) for n, x in inputs.items()}, rounds)
    backward = in_turns({n: _both(network, x) for n, x in inputs.items()}, rounds)
    cost["crops"] *= len(crops)
    return DenseEvaluation((height, width), forward, backward, cost)


class _Last(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> Tensor:
        return self.backbone(image)[-1]


def _crops(image: Tensor, rows: int, columns: int) -> Tensor:
    """Return one crop per cell of the map, spaced evenly over the image."""
    tops, lefts = (
        torch.linspace(0, IMAGE - CROP, count).round().int().tolist() for count in (rows, columns)
    )
    parts = [image[..., y : y + CROP, x : x + CROP] for y in tops for x in lefts]
    return torch.cat(parts)


def _costs(network: nn.Module) -> dict[str, int]:
    """Return the multiply-adds of one pass and of one crop."""
    weights = network.state_dict()
    network.to("meta")
    found = {
        name: multiply_adds(network, torch.zeros(1, 3, side, side, device="meta"))
        for name, side in {"one pass": IMAGE, "crops": CROP}.items()
    }
    network.to_empty(device="cpu").load_state_dict(weights)
    return found


def _call(network: nn.Module, image: Tensor) -> Callable[[], Tensor]:
    return lambda: network(image)


def _both(network: nn.Module, image: Tensor) -> Callable[[], None]:
    def run() -> None:
        network.zero_grad()
        network(image).square().mean().backward()

    return run
