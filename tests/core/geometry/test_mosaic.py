"""Images as a mosaic of tiles, for networks that accept one size only."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from pluxel.core.geometry.grid import FeatureSpec, Grid
from pluxel.core.geometry.mosaic import Mosaic
from pluxel.core.geometry.tracing import FixedSizeError, measure, measure_fixed
from pluxel.registry import PluxelError
from torch import Tensor, nn

SIDE = 24


class OneSize(nn.Module):
    """Maps of strides 4 and 8; a table of positions has one row per cell of the second."""

    def __init__(self, kernel: int = 4, padding: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, kernel, 4, padding)
        self.second = nn.Conv2d(5, 7, 2, 2)
        cells = (SIDE + 2 * padding - kernel) // 4 + 1
        self.table = nn.Parameter(torch.randn(7, cells // 2, cells // 2))

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.first(image)
        return [first, self.second(first) + self.table]


def test_only_one_size_is_accepted() -> None:
    with pytest.raises(FixedSizeError, match="must accept images of any size"):
        measure(OneSize(), 3)


def test_the_grid_of_tiles_is_that_of_the_layers() -> None:
    specs, mosaic = measure_fixed(OneSize(), 3, (SIDE, SIDE), ["fine", "coarse"])
    assert [spec.grid for spec in specs] == [Grid(4, Fraction(3, 2)), Grid(8, Fraction(7, 2))]
    assert [(spec.name, spec.channels, spec.source) for spec in specs] == [
        ("fine", 5, "assumed"), ("coarse", 7, "assumed"),
    ]  # fmt: skip
    assert (mosaic.period, mosaic.cells, mosaic.pad_multiple) == ((24, 24), [(6, 6), (3, 3)], 24)


@torch.no_grad()
def test_each_tile_is_computed_alone_and_put_in_its_place() -> None:
    network = OneSize()
    _, mosaic = measure_fixed(network, 3, (SIDE, SIDE), ["fine", "coarse"])
    image = torch.randn(2, 3, 2 * SIDE, 3 * SIDE)
    fine, coarse = mosaic(network, image)
    assert (fine.shape, coarse.shape) == ((2, 5, 12, 18), (2, 7, 6, 9))
    tile = network(image[:, :, SIDE:, 2 * SIDE :])
    torch.testing.assert_close(fine[:, :, 6:, 12:], tile[0])
    torch.testing.assert_close(coarse[:, :, 3:, 6:], tile[1])


@torch.no_grad()
def test_tiles_overlap_if_their_maps_are_not_whole() -> None:
    """Five cells of stride 4 and two of stride 8: only 16 pixels are whole cells of both."""
    network = OneSize(kernel=8)
    specs, mosaic = measure_fixed(network, 3, (SIDE, SIDE), ["fine", "coarse"])
    assert [spec.grid for spec in specs] == [Grid(4, Fraction(7, 2)), Grid(8, Fraction(11, 2))]
    assert (mosaic.period, mosaic.cells) == ((16, 16), [(4, 4), (2, 2)])
    image = torch.randn(1, 3, 16, 48)
    fine, coarse = mosaic(network, image)
    assert (fine.shape, coarse.shape) == ((1, 5, 4, 12), (1, 7, 2, 6))
    framed = nn.functional.pad(image, (0, 8, 0, 8))
    torch.testing.assert_close(fine[..., 4:8], network(framed[..., :SIDE, 16:40])[0][..., :4, :4])
    torch.testing.assert_close(coarse[..., 4:], network(framed[..., :SIDE, 32:56])[1][..., :2, :2])


def test_the_gradient_of_a_cell_lies_where_its_grid_says() -> None:
    network = OneSize(kernel=8)
    specs, mosaic = measure_fixed(network, 3, (SIDE, SIDE), ["fine", "coarse"])
    image = torch.randn(1, 3, 48, 48, requires_grad=True)
    for spec, one in zip(specs, mosaic(network, image), strict=True):
        row, column = one.shape[-2] - 2, 1
        (gradient,) = torch.autograd.grad(one[0, :, row, column].sum(), image, retain_graph=True)
        for axis, cell in ((0, row), (1, column)):
            lines = gradient[0].abs().sum(0).sum(1 - axis).nonzero()
            center = Fraction(int(lines[0] + lines[-1]), 2)
            assert center == spec.grid.offset[axis] + cell * spec.grid.stride[axis]


def test_a_tile_need_not_be_square() -> None:
    spec = FeatureSpec("map", 1, Grid(4), (1, 1), "assumed")
    mosaic = Mosaic.of((8, 12), [spec], [(2, 3)])
    assert (mosaic.period, mosaic.pad_multiple) == ((8, 12), 24)
    (doubled,) = mosaic(
        lambda tiles: [tiles[:, :1, ::4, ::4]], torch.arange(576.0).view(1, 1, 24, 24)
    )
    assert torch.equal(doubled, torch.arange(576.0).view(1, 1, 24, 24)[..., ::4, ::4])


def test_maps_without_whole_cells_raise() -> None:
    specs = [FeatureSpec("map", 1, Grid(stride), (1, 1), "assumed") for stride in (8, 12)]
    with pytest.raises(PluxelError) as caught:
        Mosaic.of((32, 32), specs, [(4, 4), (1, 1)])
    assert str(caught.value) == (
        "no part of the image is a whole number of cells of each map: 4 of stride 8, 1 of stride 12"
    )


def test_a_network_that_rejects_its_own_size_raises() -> None:
    with pytest.raises(FixedSizeError, match="it fails for 32×32 pixels"):
        measure_fixed(OneSize(), 3, (32, 32), ["fine", "coarse"])
