"""Rectangular regions of an image, and scores whose grid starts at a region's corner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from .grid import Grid
from .scores import Scores

BLOCK = 256
"""Pixels along each side of a block, the smallest part of a file that is read or written."""

Size = tuple[int, int]
"""(height, width)."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the image, given by its rows and columns."""

    rows: range
    columns: range

    @property
    def size(self) -> Size:
        """(height, width)."""
        return len(self.rows), len(self.columns)

    @property
    def corner(self) -> tuple[int, int]:
        """The first (row, column)."""
        return self.rows.start, self.columns.start

    @property
    def slices(self) -> tuple[slice, slice]:
        """The slices that select this region in an array of the whole image."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def common(self, other: Region) -> Region:
        """Return the intersection of two regions, which may be empty."""
        rows, columns = (
            range(max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop)))
            for a, b in ((self.rows, other.rows), (self.columns, other.columns))
        )
        return Region(rows, columns)

    def within(self, other: Region) -> tuple[slice, slice]:
        """Return the slices that select this region in an array of a region that contains it."""
        top, left = (a - b for a, b in zip(self.corner, other.corner, strict=True))
        return slice(top, top + len(self.rows)), slice(left, left + len(self.columns))


ScoredRegion = tuple[Region, dict[str, Scores]]
"""A region of the image, and the scores of the model for it by head."""

Read = Callable[[Region], Mapping[str, Tensor]]
"""Returns the pixels of a region, input name -> (1, channels, h, w), on the device."""


def moved(scores: Scores, origin: tuple[int, int], to: tuple[int, int]) -> Scores:
    """Return scores with a grid relative to the (row, column) ``to`` instead of ``origin``."""
    offset = [old + a - b for old, a, b in zip(scores.grid.offset, origin, to, strict=True)]
    return replace(scores, grid=Grid(scores.grid.stride, offset))


def padded_size(size: Size, multiple: int, minimum: int) -> Size:
    """Return the size that an image is padded to: multiples of ``multiple``, at least ``minimum``.

    Sizes are (height, width) in pixels.
    """
    height, width = (-(-max(side, minimum) // multiple) * multiple for side in size)
    return height, width
