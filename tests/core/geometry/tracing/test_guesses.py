"""Maps that cannot be followed stay where the residual stream or the last map was."""

from __future__ import annotations

from math import inf

import pytest
import timm
import torch
from pluxel.core import Grid, measure
from pluxel.registry import PluxelError
from torch import Tensor, nn


class Opaque(nn.Module):
    """Combine all cells in a way that has no rule: by their sorted order."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).sort(-1).values.cumsum(-1).view_as(x)


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def network(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *layers)


@pytest.mark.parametrize(
    ("layers", "grid"),
    [
        ([Residual(Opaque())], Grid(2, 0)),
        ([Opaque()], Grid(2, 0)),
        ([Opaque(), nn.Conv2d(4, 4, 3, 2, 1)], Grid(4, 0)),
        ([nn.Conv2d(4, 4, 2, 2), Residual(Opaque()), nn.Conv2d(4, 4, 3, 2, 1)], Grid(8, 1)),
        ([Residual(Opaque()), nn.Conv2d(4, 4, 2, 2), Opaque(), nn.MaxPool2d(2)], Grid(8, 3)),
    ],
)
def test_cells_stay_where_the_last_map_was(layers, grid: Grid) -> None:
    (spec,) = measure(network(*layers), 3).specs
    assert (spec.grid, spec.receptive_field, spec.source) == (grid, (inf, inf), "assumed")


def test_a_finite_support_is_still_measured() -> None:
    """An indexed map has no rule, but gradients show what its cells see."""

    class Indexed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.index_select(1, torch.tensor([1, 0, 2, 3], device=x.device))

    (spec,) = measure(network(Indexed()), 3).specs
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(2, 0), (3, 3), "probed")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["efficientvit_b0", "mobilevitv2_050"])
def test_offsets_of_networks_with_attention_are_those_of_their_convolutions(model: str) -> None:
    with torch.device("meta"):
        specs = measure(timm.create_model(model, features_only=True), 3).specs
    assert {spec.grid.offset for spec in specs} == {(0, 0)}
    assert [spec.grid.stride[0] for spec in specs][-2:] == [16, 32]


def test_sizes_of_every_kind_of_remainder_are_tried() -> None:
    """Its average pools round down and its strided convolutions up, but not for 449 pixels."""
    with torch.device("meta"):
        found = measure(timm.create_model("resnetaa50", features_only=True), 3)
    assert found.pad_multiple == 32


class Table(nn.Module):
    """Looks up a weight for each column in a table of a fixed length."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, 2, 1)
        self.table = nn.Parameter(torch.ones(length))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return x * self.table[torch.arange(x.shape[-1], device=x.device)]


def test_table_of_positions_that_is_too_short_raises() -> None:
    message = "any size, but it fails for 321×321 pixels .height × width"
    with pytest.raises(PluxelError, match=message) as error:
        measure(Table(112), 3)
    assert "IndexError" in error.value.notes[0]
    assert measure(Table(999), 3).specs[0].receptive_field == (inf, inf)
