"""Measure a network that accepts images of one size only."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf

from torch import nn

from ..grid import FeatureSpec, Grid
from ..mosaic import Mosaic
from ..regions import Size
from ._dispatch import Trace
from ._extent import Extent
from ._positions import Located
from ._sizes import positions_of, run_at


def measure_fixed(
    module: nn.Module, in_channels: int, size: Size, names: Sequence[str] | None = None
) -> tuple[list[FeatureSpec], Mosaic]:
    """Describe the maps of ``module(image)``, an image of ``size`` only, and how tiles join.

    A map is where its operations put it or, after attention, where the last located map of its size
    was. Its receptive field is infinite, because it depends on the tile in which a cell lies.

    Raises: PluxelError if the network does not accept the size, or its maps cannot be joined.
    """
    reference = run_at(module, in_channels, size)
    names = names or [f"map{index}" for index in range(len(reference.shapes))]
    specs = [
        FeatureSpec(name, shape[1], grid, (inf, inf), "assumed")
        for name, shape, grid in zip(names, reference.shapes, _grids(reference), strict=True)
    ]
    cells = [(shape[-2], shape[-1]) for shape in reference.shapes]
    return specs, Mosaic.of(size, specs, cells)


def _grids(reference: Trace) -> list[Grid]:
    return [
        _grid(located.extents if located else _assumed(reference, index))
        for index, located in enumerate(positions_of(reference))
    ]


def _assumed(reference: Trace, index: int) -> Sequence[Extent]:
    state = reference.states[index]
    if isinstance(state, Located) and state.guessed:
        return state.extents
    strides = [
        Fraction(pixels, cells)
        for pixels, cells in zip(reference.size, reference.shapes[index][-2:], strict=True)
    ]
    return [Extent(stride, (stride - 1) / 2) for stride in strides]


def _grid(extents: Sequence[Extent]) -> Grid:
    return Grid([e.stride for e in extents], [e.offset for e in extents])
