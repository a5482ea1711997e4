"""Compare dense evaluation of a classifier in one pass with evaluation on crops.

Long, Shelhamer, Darrell, PAMI 2016, section 3.1: one pass over a 500×500 image gives a 10×10 map of
outputs "more than five times faster" than a hundred crops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ....registry import PluxelError
from ...common.devices import choose_device
from ...common.progress import busy
from ...common.text import extent
from ...common.timing import in_turns, multiply_adds
from ...config._config import Config
from ...contracts.kinds import Backbone
from ...geometry.tracing import on_meta, replica

IMAGE, CROP = 500, 224
"""Side lengths in pixels; the crop is the smallest image whose map has one cell."""


@dataclass(frozen=True)
class DenseEvaluation:
    """Median seconds and multiply-adds of one pass and of the crops, one per cell of its map.

    ``backbone``: what was measured.
    """

    backbone: str
    cells: tuple[int, int]
    forward: dict[str, float]
    backward: dict[str, float]
    multiply_adds: dict[str, int]


def dense_evaluation(config: Config, *, rounds: int = 3, device: str = "cpu") -> DenseEvaluation:
    """Measure the deepest map of a pipeline's first backbone, on color images, with random weights.

    ``backward`` times a forward and a backward pass with the gradients of all weights.

    Raises: PluxelError if this machine does not have the device; ConfigError if the map of a crop
    has more than one cell.
    """
    place = choose_device(device)
    name, stream = next(iter(config.pipeline.streams.items()))
    with config.at("streams", name, "backbone"):
        network = _LastMap(stream.backbone(in_channels=3)).eval()
        cost = _costs(network)
        _check_cells(network)
    network.to(place)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, IMAGE, IMAGE, generator=generator).to(place)
    with torch.inference_mode():
        height, width = network(image).shape[-2:]
    crops = _crops(image, height, width)
    inputs = {"one pass": image, "crops": crops}
    with busy("timing forward"), torch.inference_mode():
        forward = in_turns({n: partial(network, x) for n, x in inputs.items()}, rounds)
    with busy("timing forward and backward"):
        backward = in_turns({n: partial(_both, network, x) for n, x in inputs.items()}, rounds)
    cost["crops"] *= len(crops)
    return DenseEvaluation(str(stream.backbone), (height, width), forward, backward, cost)


class _LastMap(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> Tensor:
        return self.backbone(image)[-1]


def _check_cells(network: nn.Module) -> None:
    with torch.inference_mode():
        cells = network(torch.zeros(1, 3, CROP, CROP)).shape[-2:]
    if cells != (1, 1):
        raise PluxelError(
            f"a crop of {CROP}×{CROP} pixels gives {extent(cells)} cells (height × width) instead "
            "of one: choose a backbone that does not pad its last layers"
        )


def _crops(image: Tensor, rows: int, columns: int) -> Tensor:
    """Return one crop per cell of the map, spaced evenly over the image."""
    tops, lefts = (
        torch.linspace(0, IMAGE - CROP, count).round().int().tolist() for count in (rows, columns)
    )
    parts = [image[..., y : y + CROP, x : x + CROP] for y in tops for x in lefts]
    return torch.cat(parts)


def _costs(network: nn.Module) -> dict[str, int]:
    """Return the multiply-adds of one pass and of one crop."""
    without_data = replica(network, on_meta)
    return {
        name: multiply_adds(without_data, torch.zeros(1, 3, side, side, device="meta"))
        for name, side in {"one pass": IMAGE, "crops": CROP}.items()
    }


def _both(network: nn.Module, image: Tensor) -> None:
    network.zero_grad()
    network(image).square().mean().backward()
