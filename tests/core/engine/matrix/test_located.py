"""Declared grids are compared with the pixels that cells depend on."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import pytest
import torch
from pluxel.core.engine.matrix.located import grid_problem
from pluxel.core.geometry.grid import FeatureSpec, Grid
from torch import Tensor, nn


class Patches(nn.Module):
    """Cells of 8×8 pixels on a declared grid."""

    def __init__(self, offset: float | Fraction, field: float, *, blind: bool = False) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 8, 8)
        self.blind = blind
        grid = Grid(8, (Fraction(7, 2), Fraction(offset)))
        self.feature_specs = [FeatureSpec("map", 5, grid, (field, field), "assumed")]

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.layer(image * (0 if self.blind else 1))]


def problem(*arguments, **options) -> str:
    torch.manual_seed(0)
    return grid_problem(Patches(*arguments, **options), torch.randn(1, 3, 64, 96))


@pytest.mark.parametrize("field", [8, 9, inf])
def test_a_right_grid_has_no_problem(field: float) -> None:
    assert problem(Fraction(7, 2), field) == ""


def test_a_pixel_beyond_the_receptive_field_is_found() -> None:
    assert problem(Fraction(5, 2), 8) == (
        "map map: a cell at 50.5 depends on pixels 48 to 55, beyond its receptive field of 8"
    )
    assert problem(Fraction(7, 2), 7).endswith("beyond its receptive field of 7")


@pytest.mark.parametrize("shift", [-8, 8])
def test_a_grid_that_is_one_cell_off_is_found(shift: int) -> None:
    found = problem(Fraction(7, 2) + shift, inf)
    assert found.startswith("map map: a cell declared at ")
    assert " is centered at " in found


def test_a_cell_without_gradient_is_found() -> None:
    assert problem(Fraction(7, 2), inf, blind=True) == (
        "map map: its central cell depends on no pixel"
    )
