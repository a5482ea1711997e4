"""The largest difference between the scores of two methods of dense evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, inf

from ....registry import PluxelError
from ...common.text import extent
from ...contracts.optional import DenseForm
from ...geometry.grid import FeatureSpec, Grid
from ...geometry.regions import Size
from ...geometry.scores import Scores


@dataclass(frozen=True)
class Difference:
    """The largest difference between the scores of two methods, as a share of their range.

    ``cell``: its (row, column) in the dense map; ``pixel``: the center of that cell in the image.
    ``interior``: the largest difference among cells whose receptive fields lie inside the image;
    None if there are no such cells. ``expected``: whether the methods should agree at borders too.
    """

    methods: tuple[str, str]
    largest: float
    cell: tuple[int, int]
    pixel: tuple[float, float]
    interior: float | None
    expected: bool


def difference(
    spec: FeatureSpec, form: DenseForm, reference: str, runs: Mapping[str, Scores], size: Size
) -> Difference:
    """Compare the scores of a method with those of ``reference``, for an image of a size.

    ``spec``: the coarse scores. ``runs``: the scores by the name of the method.

    Raises: PluxelError if their maps have different sizes, although they should be equal.
    """
    methods, expected = (form.name, reference), not form.shifts_borders
    scores = [runs[name] for name in methods]
    grid = scores[0].grid
    sizes = [found.tensor.shape[-2:] for found in scores]
    if expected and sizes[0] != sizes[1]:
        raise PluxelError(
            f"{methods[0]} and {methods[1]} should agree everywhere, but their maps have "
            f"{' and '.join(map(extent, sizes))} cells (height × width)"
        )
    rows, columns = (min(pair) for pair in zip(*sizes, strict=True))
    a, b = (found.tensor[..., :rows, :columns] for found in scores)
    span = float(b.max() - b.min()) or 1.0
    share = (a - b).abs().amax((0, 1)) / span
    row, column = divmod(int(share.argmax()), columns)
    inside = [
        _interior(grid, spec.reach[axis], size[axis], axis, cells)
        for axis, cells in enumerate((rows, columns))
    ]
    within = share[inside[0], inside[1]]
    return Difference(
        methods,
        float(share.max()),
        (row, column),
        (float(grid.offset[0] + row * grid.stride[0]),
         float(grid.offset[1] + column * grid.stride[1])),
        float(within.max()) if within.numel() else None,
        expected,
    )  # fmt: skip


def _interior(grid: Grid, reach: float | Fraction, pixels: int, axis: int, cells: int) -> slice:
    """Return the cells with receptive fields inside the image."""
    if reach == inf:
        return slice(0)
    first = ceil((reach - grid.offset[axis]) / grid.stride[axis])
    last = floor((pixels - 1 - reach - grid.offset[axis]) / grid.stride[axis])
    return slice(max(0, first), max(0, min(cells, last + 1)))
