"""Run a network that accepts one size only on images of any size: tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from torch import Tensor, constant_pad_nd

from ...registry import PluxelError
from .grid import FeatureSpec
from .regions import Size


@dataclass(frozen=True)
class Mosaic:
    """How tiles cover an image, and how the maps of the tiles become maps of the image.

    ``size``: of a tile, in pixels; it is all that a cell of the network sees. ``period``: pixels
    from one tile to the next. It is at most ``size``, and a whole number of cells of each map, so
    that all cells of an image lie on one grid. ``cells``: of each map, per period.
    """

    size: Size
    period: Size
    cells: Sequence[Size]

    @classmethod
    def of(cls, size: Size, specs: Sequence[FeatureSpec], shapes: Sequence[Size]) -> Mosaic:
        """Choose the longest period for maps of ``shapes`` (cells) on the grids of ``specs``.

        Raises: PluxelError if the maps are too small for a whole number of cells.
        """
        height, width = (
            _period(
                [
                    (spec.grid.stride[axis], shape[axis])
                    for spec, shape in zip(specs, shapes, strict=True)
                ]
            )
            for axis in (0, 1)
        )
        cells = [
            (int(height / spec.grid.stride[0]), int(width / spec.grid.stride[1])) for spec in specs
        ]
        return cls(size, (height, width), cells)

    @property
    def pad_multiple(self) -> int:
        """Height and width of an image must be multiples of this."""
        return lcm(*self.period)

    def __call__(
        self, network: Callable[[Tensor], Sequence[Tensor]], image: Tensor
    ) -> list[Tensor]:
        """Return the maps (N, channels, h, w) of an image (N, C, H, W), in whole periods.

        Tiles that are larger than the period overlap; beyond the image, they see zeros.
        """
        rows, columns = (
            side // period for side, period in zip(image.shape[-2:], self.period, strict=True)
        )
        below, right = (size - period for size, period in zip(self.size, self.period, strict=True))
        padded = constant_pad_nd(image, (0, right, 0, below))
        tiles = padded.unfold(2, self.size[0], self.period[0]).unfold(
            3, self.size[1], self.period[1]
        )
        maps = network(tiles.permute(0, 2, 3, 1, 4, 5).flatten(0, 2))
        return [
            one[..., : cells[0], : cells[1]]
            .unflatten(0, (-1, rows, columns))
            .permute(0, 3, 1, 4, 2, 5)
            .flatten(4, 5)
            .flatten(2, 3)
            for one, cells in zip(maps, self.cells, strict=True)
        ]


def _period(axis: Sequence[tuple[Fraction, int]]) -> int:
    """Return the longest whole number of cells, in pixels, of maps with these strides and cells."""
    step = lcm(*(stride.numerator for stride, _ in axis))
    periods = min(int(stride * cells / step) for stride, cells in axis)
    if not periods:
        given = ", ".join(f"{cells} of stride {stride}" for stride, cells in axis)
        raise PluxelError(f"no part of the image is a whole number of cells of each map: {given}")
    return periods * step
