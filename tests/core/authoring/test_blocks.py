"""Blocks of decoders: positions that resampling keeps, and the layers that they are made of."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core import Grid, Scores, resample
from pluxel.core.authoring import (
    ASPP,
    SCSE,
    ConvNormAct,
    OnGrid,
    PyramidPooling,
    norm_layer,
    stretched_grid,
)
from torch import Tensor, nn
from torch.nn import functional

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def positions(grid: Grid, size: tuple[int, int]) -> Tensor:
    """The row and column, in pixels, of each cell: (1, 2, h, w)."""
    rows, columns = (
        torch.arange(n, dtype=torch.float64) * float(stride) + float(offset)
        for n, stride, offset in zip(size, grid.stride, grid.offset, strict=True)
    )
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


@given(st.fractions(0, 8, max_denominator=4), st.fractions(0, 8, max_denominator=4), st.booleans())
def test_cells_keep_their_positions_from_grid_to_grid(
    offset: Fraction, other: Fraction, same_type: bool
) -> None:
    source, target = Grid(4, offset), Grid(2, other + offset)
    size = (12, 9)
    maps = positions(source, size)
    found = OnGrid(source, target)(maps if same_type else maps.float(), (4, 3))
    expected = positions(target, (4, 3))
    assert torch.allclose(found.double(), expected, atol=1e-4)
    assert found.dtype == (torch.float64 if same_type else torch.float32)


def test_half_precision_stays_half_precision() -> None:
    maps = torch.ones(1, 2, 4, 4, dtype=torch.bfloat16)
    assert OnGrid(Grid(4), Grid(2))(maps, (8, 8)).dtype == torch.bfloat16


@given(SIZES, SIZES, st.sampled_from(["bilinear", "corners"]))
def test_a_stretched_grid_gives_what_interpolation_gives(
    cells: tuple[int, int], size: tuple[int, int], stretching: str
) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 2, *cells, dtype=torch.float64, generator=generator)
    grid = stretched_grid(cells, size, stretching)  # pyright: ignore[reportArgumentType]
    expected = functional.interpolate(
        maps, size, mode="bilinear", align_corners=stretching == "corners"
    )
    assert torch.allclose(resample(Scores(maps, grid), size), expected, atol=1e-12)


def test_the_nearest_cell_has_no_grid() -> None:
    with pytest.raises(ValueError, match="not a linear interpolation"):
        stretched_grid((2, 2), (4, 4), "nearest")


@pytest.mark.parametrize("stretching", ["nearest", "bilinear", "corners"])
def test_from_size_to_size_the_grids_do_not_matter(stretching: str) -> None:
    maps = torch.randn(1, 2, 3, 5)
    found = OnGrid(Grid(4), Grid(1, 7), stretching=stretching)(  # pyright: ignore[reportArgumentType]
        maps, (6, 10)
    )
    mode = "nearest" if stretching == "nearest" else "bilinear"
    corners = {"align_corners": stretching == "corners"} if mode == "bilinear" else {}
    assert torch.equal(found, functional.interpolate(maps, (6, 10), mode=mode, **corners))


def test_norms_normalize_what_they_say() -> None:
    maps = torch.randn(3, 8, 6, 5) * 4 + 2
    layer = norm_layer("layer", 8)(maps)
    assert torch.allclose(layer.mean(1), torch.zeros(3, 6, 5), atol=1e-5)
    assert torch.allclose(layer.std(1, correction=0), torch.ones(3, 6, 5), atol=1e-3)
    batch = norm_layer("batch", 8)(maps)
    assert torch.allclose(batch.mean((0, 2, 3)), torch.zeros(8), atol=1e-5)
    group = norm_layer("group", 48)
    assert isinstance(group, nn.GroupNorm)
    assert group.num_groups == 16
    assert torch.equal(norm_layer("none", 8)(maps), maps)


def test_a_convolution_has_a_bias_only_without_a_norm() -> None:
    assert ConvNormAct(3, 4)[0].bias is None
    assert ConvNormAct(3, 4, norm="none")[0].bias is not None


def test_a_separable_convolution_has_one_filter_for_each_channel() -> None:
    depthwise, pointwise = ConvNormAct(6, 4, separable=True, dilation=2)[0]
    assert (depthwise.groups, depthwise.dilation, pointwise.kernel_size) == (6, (2, 2), (1, 1))
    assert ConvNormAct(6, 4, separable=True, dilation=2)(torch.randn(2, 6, 7, 9)).shape[2:] == (
        7,
        9,
    )


def test_means_of_parts_lie_at_their_centers() -> None:
    pooling = PyramidPooling(2, 2, bins=(2,), norm="none").double()
    with torch.no_grad():
        pooling.blocks[0][0].weight.copy_(torch.eye(2)[:, :, None, None])
    maps = positions(Grid(), (8, 12))
    (found,) = pooling(maps)
    # Between the centers of the parts, the mean position is the position; beyond, the nearest.
    rows = torch.arange(8, dtype=torch.float64).clamp(1.5, 5.5)
    assert torch.allclose(found[0, 0], rows[:, None].expand(8, 12))


def test_aspp_sees_the_mean_of_the_image() -> None:
    torch.manual_seed(0)
    aspp = ASPP(3, 4, (1, 2), norm="none").eval()
    maps = torch.randn(1, 3, 40, 40)
    far = maps.clone()
    far[..., -1, -1] += 1000
    assert not torch.allclose(aspp(maps)[..., 0, 0], aspp(far)[..., 0, 0])
    assert len(aspp.convs) == 4


def test_squeeze_and_excitation_weights_each_value() -> None:
    attention = SCSE(4)
    maps = torch.rand(2, 4, 5, 6)
    weights = attention(maps) / maps
    assert weights.min() > 0
    assert weights.max() < 2
