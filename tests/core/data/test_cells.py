"""Cells of a map that keep their labels in training."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from pluxel.core.data.cells import CellSampling
from pluxel.core.data.samples import TrainingData
from pluxel.core.geometry.grid import Grid

GRIDS = [
    Grid(4),
    Grid(4, Fraction(3, 2)),
    Grid(5, -7),
    Grid((3, 8), (Fraction(-1, 2), 100)),
    Grid(Fraction(9, 2), Fraction(1, 3)),
]


def nearest(grid: Grid, axis: int, pixel: int) -> int:
    """Return the nearest cell of a pixel by comparing distances; of two, the later."""
    distance = {
        cell: abs(grid.offset[axis] + grid.stride[axis] * cell - pixel) for cell in range(-13, 15)
    }
    return max(cell for cell, value in distance.items() if value == min(distance.values()))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_whole_cells_are_kept_or_dropped(grid) -> None:
    kept = CellSampling(0.5, grid).kept((37, 50), seed=3, n=8)
    cells = [[nearest(grid, axis, x) for x in range(size)] for axis, size in enumerate((37, 50))]
    found: dict[tuple[int, int], set[bool]] = {}
    for y, row in enumerate(cells[0]):
        for x, column in enumerate(cells[1]):
            found.setdefault((row, column), set()).add(bool(kept[y, x]))
    assert all(len(values) == 1 for values in found.values())
    assert {True} in found.values()
    assert {False} in found.values()


@pytest.mark.parametrize("probability", [0.25, 0.5, 0.9])
def test_the_probability_is_the_share_of_kept_pixels(probability) -> None:
    sampling = CellSampling(probability, Grid(4, Fraction(3, 2)))
    kept = np.stack([sampling.kept((80, 120), seed=1, n=n) for n in range(40)])
    # 40 images of about 600 cells: a standard deviation of at most 0.0032
    assert kept.mean() == pytest.approx(probability, abs=0.013)
    # no place is preferred: at each pixel, 40 draws
    assert kept.mean(0).std() == pytest.approx(
        (probability * (1 - probability) / 40) ** 0.5, rel=0.1
    )


def test_a_draw_depends_on_seed_and_sample_only() -> None:
    sampling = CellSampling(0.5, Grid(4))
    one = sampling.kept((64, 64), seed=1, n=5)
    assert (sampling.kept((64, 64), seed=1, n=5) == one).all()
    assert (sampling.kept((64, 64), seed=2, n=5) != one).any()
    assert (sampling.kept((64, 64), seed=1, n=6) != one).any()


def test_dropped_pixels_are_ignored_and_the_others_keep_their_labels(toy, spaces) -> None:
    plain = TrainingData(toy(), spaces, seed=2)
    sampling = CellSampling(0.5, Grid(2))
    data = TrainingData(toy(), spaces, seed=2, cells={"semantic": sampling})
    dropped = 0
    for n in range(20):
        before, after = plain[n].targets["semantic"], data[n].targets["semantic"]
        kept = sampling.kept(before.shape, seed=2, n=n)
        assert (after[kept] == before[kept]).all()
        assert (after[~kept] == 255).all()
        assert after.dtype == before.dtype
        assert (data[n].inputs["image"] == plain[n].inputs["image"]).all()
        dropped += int((~kept).sum())
    assert dropped > 100


def test_workers_receive_the_cells(toy, spaces) -> None:
    data = TrainingData(toy(), spaces, cells={"semantic": CellSampling(0.5, Grid(2))})
    copy = pickle.loads(pickle.dumps(data))
    assert (copy[7].targets["semantic"] == data[7].targets["semantic"]).all()
