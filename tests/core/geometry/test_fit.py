"""Maps whose number of cells contradicts their grid are found; strides and crops are not."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from pluxel.core.geometry.fit import cells_by_grid
from pluxel.core.geometry.grid import Grid
from torch import nn

IMAGE = (64, 96), Grid()


@pytest.mark.parametrize("size", [(64, 96), (61, 75), (33, 40)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "repeats"),
    [(3, 2, 1, 5), (1, 2, 0, 5), (2, 2, 0, 5), (7, 1, 0, 4), (3, 1, 100, 1), (4, 4, 0, 2)],
)
def test_maps_of_convolutions_fit(size, kernel, stride, padding, repeats) -> None:
    grid, image = Grid(), torch.zeros(1, 1, *size, device="meta")
    for _ in range(repeats):
        image = nn.Conv2d(1, 1, kernel, stride, padding, device="meta")(image)
        grid = grid.conv(kernel, stride, padding)
        assert cells_by_grid(tuple(image.shape[-2:]), grid, [(size, Grid())]) is None


@pytest.mark.parametrize(
    ("size", "grid", "expected"),
    [
        ((16, 24), Grid(4, 1), None),
        ((32, 48), Grid(4, 1), (16, 24)),
        ((8, 12), Grid(4, 1), (16, 24)),
        ((16, 48), Grid(4, 1), (16, 24)),
        ((2, 3), Grid(32, Fraction(31, 2)), None),
        ((4, 6), Grid(32, Fraction(31, 2)), (2, 3)),
        ((16, 24), Grid(4, 1).crop(3), (10, 18)),
        ((64, 96), Grid(4), (17, 25)),
        ((16, 24), Grid(4, 400), (0, 0)),
    ],
)
def test_maps_that_do_not_fit_are_found(size, grid, expected) -> None:
    assert cells_by_grid(size, grid, [IMAGE]) == expected


def test_the_center_may_be_that_of_any_source() -> None:
    deep, shallow = ((2, 3), Grid(32)), IMAGE  # centers 16 and 31.5, 32 and 47.5
    for center in (-8, 16, 55):
        grid = Grid(1, [center, 40])
        assert cells_by_grid((1, 1), grid, [deep, shallow]) is None
    assert cells_by_grid((1, 1), Grid(1, [56, 40]), [deep, shallow]) is not None
