"""Find maps whose number of cells contradicts their grid."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor

from ...registry import PluxelError
from .grid import FeatureSpec, Grid
from .regions import Size
from .scores import Scores


def cells_by_grid(
    size: Size, grid: Grid, sources: Sequence[tuple[Size, Grid]], others: Sequence[Grid] = ()
) -> Size | None:
    """Return the (height, width) in cells that a map should have on its grid, or None if it fits.

    ``size``: of the map; ``sources``: size and grid of each map that it is computed from, such as
    the image. Padding and kernels add or remove cells on both sides, so the center of a map must be
    where that of one of its sources is. Centers may differ by 3/4 of the largest stride: strides
    and crops may drop the last cells, and even kernels cannot be padded equally on both sides.
    ``others``: the grids of maps in between, which may be coarser.
    """
    expected = []
    for axis in (0, 1):
        centers = [_center(*source, axis) for source in sources]
        grids = grid, *others, *(other for _, other in sources)
        largest = max(one.stride[axis] for one in grids)
        found = _center(size, grid, axis)
        nearest = min(max(found, min(centers)), max(centers))
        fits = abs(found - nearest) <= largest * 3 / 4
        like = min(sources, key=lambda one: abs(one[1].stride[axis] - grid.stride[axis]))
        cells = 2 * (_center(*like, axis) - grid.offset[axis]) / grid.stride[axis] + 1
        expected.append(size[axis] if fits else max(0, round(cells)))
    return None if tuple(expected) == tuple(size) else (expected[0], expected[1])


def check_maps(specs: Sequence[FeatureSpec], maps: Sequence[Tensor], image: Tensor) -> None:
    """Raise PluxelError if maps have other numbers, channels or cells than their specs declare.

    ``maps``: of an ``image`` (N, channels, H, W). No tensor is read.
    """
    if len(maps) != len(specs):
        raise PluxelError(f"there are {len(maps)} maps; feature_specs declares {len(specs)}")
    batch, _, height, width = image.shape
    grids = [spec.grid for spec in specs]
    for spec, one in zip(specs, maps, strict=True):
        shape = tuple(one.shape)
        if shape[:2] != (batch, spec.channels) or len(shape) != 4:
            raise PluxelError(
                f"map '{spec.name}' is {shape}; feature_specs declares "
                f"({batch}, {spec.channels}, height, width)"
            )
        # A map may have been upsampled from a coarser one.
        expected = cells_by_grid(
            (shape[2], shape[3]), spec.grid, [((height, width), Grid())], grids
        )
        if expected is not None:
            raise PluxelError(
                f"map '{spec.name}' has {shape[2]}×{shape[3]} cells (height × width); on its grid "
                f"({spec.grid}), an image of {height}×{width} pixels has "
                f"{expected[0]}×{expected[1]}"
            )


def check_fit(
    subject: str,
    scores: Scores,
    sources: Sequence[tuple[Size, Grid]],
    others: Sequence[Grid] = (),
) -> None:
    """Raise PluxelError if scores have a number of cells that contradicts their grid.

    ``subject``: what returned them. ``sources``, ``others``: as for `cells_by_grid`. No tensor is
    read.
    """
    height, width = scores.tensor.shape[-2:]
    expected = cells_by_grid((height, width), scores.grid, sources, others)
    if expected is not None:
        vertical, horizontal = scores.grid.stride
        stride = vertical if vertical == horizontal else f"{vertical}×{horizontal}"
        raise PluxelError(
            f"{subject} returned scores of {height}×{width} cells (height × width), but with their "
            f"grid of stride {stride}, {expected[0]}×{expected[1]} cells match the image: the "
            "scores must have the grid of the map that they are on, such as Grid(stride, offset)"
        )


def _center(size: Size, grid: Grid, axis: int) -> Fraction:
    """Return the center of a map in input pixels."""
    return grid.offset[axis] + grid.stride[axis] * Fraction(size[axis] - 1, 2)
