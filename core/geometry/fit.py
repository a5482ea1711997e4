"""Find maps whose number of cells contradicts their grid."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .grid import Grid
from .regions import Size


def cells_by_grid(size: Size, grid: Grid, sources: Sequence[tuple[Size, Grid]]) -> Size | None:
    """Return the (height, width) in cells that a map should have on its grid, or None if it fits.

    ``size``: of the map; ``sources``: size and grid of each map that it is computed from, such as
    the image. Padding and kernels add or remove cells on both sides, so the center of a map must be
    where that of one of its sources is. Centers may differ by 3/4 of the largest stride: strides
    and crops may drop the last cells, and even kernels cannot be padded equally on both sides.
    """
    expected = []
    for axis in (0, 1):
        centers = [_center(*source, axis) for source in sources]
        largest = max(one.stride[axis] for one in (grid, *(other for _, other in sources)))
        found = _center(size, grid, axis)
        nearest = min(max(found, min(centers)), max(centers))
        fits = abs(found - nearest) <= largest * 3 / 4
        cells = 2 * (nearest - grid.offset[axis]) / grid.stride[axis] + 1
        expected.append(size[axis] if fits else max(0, round(cells)))
    return None if tuple(expected) == tuple(size) else (expected[0], expected[1])


def _center(size: Size, grid: Grid, axis: int) -> Fraction:
    """Return the center of a map in input pixels."""
    return grid.offset[axis] + grid.stride[axis] * Fraction(size[axis] - 1, 2)
