"""Positions of tiles and windows, computed without running a network."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core import FeatureSpec, Grid
from pluxel.core.engine.inference.tiling import BLOCK, Reach, Tiling
from pluxel.registry import PluxelError

from .networks import strided


def test_tile_smaller_than_its_halo_raises() -> None:
    net = strided()
    reach = Reach.of(net)
    message = f"is smaller than its halo of {reach.halo} pixels; use at least {reach.halo}$"
    with pytest.raises(PluxelError, match=message):
        Tiling.of(net, reach, reach.halo - 1)
    rounded = Tiling.of(net, reach, reach.halo).tile
    assert rounded % reach.step == 0
    assert reach.halo <= rounded < reach.halo + reach.step


@given(st.integers(1, 3000), st.integers(2, 15))
def test_all_windows_but_the_last_have_one_size(pixels: int, blocks: int) -> None:
    reach = Reach((FeatureSpec("scores", 4, Grid(8, 3), (61, 61), "computed"),), 16, 1, 1)
    tiles = reach.tiles(16 * blocks, pixels, 0)
    assert [p for tile in tiles for p in tile] == [*range(pixels)]
    lengths = [len(reach.window(tile, pixels, 0)) for tile in tiles]
    assert len(set(lengths[:-1])) <= 1
    assert all(lengths[-1] <= length for length in lengths[:-1])


@given(st.integers(1, 5000), st.sampled_from([256, 512, 1024]), st.sampled_from([1, 700]))
def test_tiles_align_with_file_blocks_where_possible(pixels: int, tile: int, minimum: int) -> None:
    reach = Reach((FeatureSpec("scores", 4, Grid(8, 3), (61, 61), "computed"),), 16, 1, minimum)
    tiles = reach.tiles(tile, pixels, 0)
    assert all(one.start % BLOCK == 0 for one in tiles)
    assert all(len(one) == tile for one in tiles[1:-1])
    lengths = [len(reach.window(one, pixels, 0)) for one in tiles]
    assert len(set(lengths[1:-1])) <= 1
    # A window that must begin earlier to reach its minimum begins at most one step earlier.
    longest = max(lengths) - (minimum > 1) * (reach.step - 1)
    assert all(length >= longest for length in lengths[1:-1]), "an end needs more than others"
    assert min(lengths) >= min(minimum, pixels)


@pytest.mark.parametrize(
    ("step", "halo", "tile", "rounded"),
    [
        (32, 120, 1000, 1024),
        (32, 120, 1100, 1024),
        (32, 120, 1024, 1024),
        (32, 120, 300, 256),
        (32, 290, 300, 320),  # a block is smaller than the halo
        (32, 120, 200, 224),  # a block is larger than the tile
        (14, 120, 1000, 1008),
        (14, 120, 2000, 1792),
    ],
)
def test_tiles_are_rounded(step: int, halo: int, tile: int, rounded: int) -> None:
    seen = 2 * (halo - step) + 1
    spec = FeatureSpec("scores", 4, Grid(step), (seen, seen), "computed")
    reach = Reach((spec,), step, 1, 1)
    assert reach.halo == halo
    assert Tiling.of(strided(), reach, tile).tile == rounded


@pytest.mark.slow
@given(
    st.builds(
        Grid,
        st.fractions(Fraction(1, 2), 20, max_denominator=4),
        st.fractions(-20, 20, max_denominator=4),
    ),
    st.fractions(1, 60, max_denominator=4),
    st.integers(1, 400),
    st.integers(1, 5),
)
def test_windows_cover_the_receptive_fields(
    grid: Grid, seen: Fraction, pixels: int, tile: int
) -> None:
    """Check each cell; if a map ends inside the image, its last cell serves all pixels beyond."""
    stride, offset, half = grid.stride[0], grid.offset[0], (seen - 1) / 2
    spec = FeatureSpec("scores", 4, grid, (float(seen), float(seen)), "computed")
    reach = Reach((spec,), stride.numerator, 1, 1)
    last = max(0, floor((pixels - 1 - half - offset) / stride))
    for one in reach.tiles(tile * reach.step, pixels, 0):
        window = reach.window(one, pixels, 0)
        for pixel in (one.start, one.stop - 1):
            below = floor((pixel - offset) / stride)
            for cell in {min(max(at, 0), last) for at in (below, below + 1)}:
                at = offset + stride * cell
                assert window.start <= max(0, ceil(at - half))
                assert window.stop > min(pixels - 1, floor(at + half))


def test_tiles_cover_the_image_once() -> None:
    net = strided()
    tiles = Tiling(net, Reach.of(net), 64).tiles((150, 64))
    counts = torch.zeros(150, 64)
    for tile in tiles:
        counts[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
    assert (counts == 1).all()
