"""Networks that know where they are, or how large the image is, make no claim of exactness."""

from __future__ import annotations

from math import inf

import pytest
import torch
from pluxel.core import Grid, measure
from pluxel.core.geometry.dilation import Dilation, NotEquivariant
from torch import Tensor, nn
from torch.nn import functional


class Network(nn.Module):
    """A convolution of stride 2, a function of its map, and another convolution of stride 2."""

    def __init__(self, between) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, 2, 1)
        self.last = nn.LazyConv2d(4, 3, 2, 1)
        self.side = nn.Conv2d(4, 4, 3, 1, 1)
        self.table = nn.Parameter(torch.randn(1, 4, 7, 9))
        self.large = nn.Parameter(torch.randn(1, 4, 999, 999))
        self.scale = nn.Parameter(torch.randn(4, 1, 1))
        self.between = between
        self(torch.zeros(1, 3, 32, 32))

    def forward(self, image: Tensor) -> Tensor:
        return self.last(self.between(self, self.first(image)))


def mask(self: Network, x: Tensor) -> Tensor:
    border = x.new_zeros(1, 1, x.shape[-2], x.shape[-1])
    border[..., 1:-1] = 1
    return x * border


def mask_like(self: Network, x: Tensor) -> Tensor:
    border = torch.ones_like(x)
    border[:, :, :2].fill_(0)
    return x * border


def meshgrid(self: Network, x: Tensor) -> Tensor:
    rows, columns = (torch.arange(size, device=x.device) for size in x.shape[-2:])
    grids = torch.meshgrid(rows, columns, indexing="ij")
    return torch.cat([x, torch.stack(grids).to(x).unsqueeze(0)], 1)


KNOWING = {
    "coordinates": lambda self, x: torch.cat(
        [x, torch.linspace(-1, 1, x.shape[-1], device=x.device).expand(1, 1, *x.shape[-2:])], 1
    ),
    "meshgrid": meshgrid,
    "resized table": lambda self, x: x + functional.interpolate(self.table, x.shape[-2:]),
    "part of a table": lambda self, x: x + self.large[..., : x.shape[-2], : x.shape[-1]],
    "parity": lambda self, x: x * (torch.arange(x.shape[-1], device=x.device) % 2).to(x),
    "where": lambda self, x: torch.where(
        torch.arange(x.shape[-2], device=x.device)[:, None] > 3, x, -x
    ),
    "written mask": mask,
    "written mask of ones": mask_like,
    "count": lambda self, x: x + torch.ones_like(x).cumsum(-1),
    "division": lambda self, x: x / x.shape[-1],
    "power": lambda self, x: x.abs() ** (1 / x.shape[-2]),
    "tensor of the size": lambda self, x: x / torch.tensor(float(x.shape[-1]), device=x.device),
    "filled with the size": lambda self, x: x * x.new_full((1,), x.shape[-1]),
    "weights by the size": lambda self, x: functional.conv2d(
        x, self.side.weight / x.shape[-1], None, 1, 1
    ),
    "hidden in a branch": lambda self, x: x + (self.large[..., : x.shape[-1]].mean() * x).relu(),
}
BLIND = {
    "scale of channels": lambda self, x: x * self.scale + 0.5,
    "expanded scale": lambda self, x: x * self.scale.expand(4, *x.shape[-2:]),
    "expanded like the map": lambda self, x: x * self.scale[None].expand_as(x),
    "zeros and ones": lambda self, x: x + torch.zeros_like(x) + x.new_ones(1, 1, *x.shape[-2:]) / 2,
    "concatenated zeros": lambda self, x: torch.cat([x, x.new_zeros(1, 2, *x.shape[-2:])], 1),
    "table of fixed size": lambda self, x: x * torch.tensor([2.0], device=x.device),
}


@pytest.mark.parametrize("between", KNOWING.values(), ids=KNOWING)
def test_dependence_on_position_or_size_ends_the_claim(between) -> None:
    network = Network(between)
    (spec,) = measure(network, 3).specs
    assert spec.receptive_field == (inf, inf)
    assert spec.grid == Grid(4)
    with pytest.raises(NotEquivariant):
        Dilation(network, 3, 2)


@pytest.mark.parametrize("between", BLIND.values(), ids=BLIND)
def test_uniform_constants_keep_the_claim(between) -> None:
    (spec,) = measure(Network(between), 3).specs
    assert (spec.receptive_field, spec.grid, spec.source) == ((7, 7), Grid(4), "computed")


def test_dilation_names_the_layer_and_the_reason() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), Network(KNOWING["division"]))
    network[1].first = nn.Conv2d(4, 4, 3, 2, 1)
    message = "depends on the position in the image or on its size"
    with pytest.raises(NotEquivariant, match=rf"layer 1 \(truediv\): its result {message}"):
        Dilation(network, 3, 2)
    Dilation(nn.Sequential(network[0], network[1].first), 3, 2)
