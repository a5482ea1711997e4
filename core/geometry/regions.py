"""Rectangles of an image, and scores that count their pixels from one's corner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from .grid import Grid
from .scores import Scores

BLOCK = 256
"""Pixels along each side of the blocks of files: of a block, none is read or written alone."""

Size = tuple[int, int]
"""(height, width)."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the image: its rows and its columns."""

    rows: range
    columns: range

    @property
    def size(self) -> Size:
        """(height, width)."""
        return len(self.rows), len(self.columns)

    @property
    def corner(self) -> tuple[int, int]:
        """Its first (row, column)."""
        return self.rows.start, self.columns.start

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where it lies in an array of the whole image."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def common(self, other: Region) -> Region:
        """Return the part that two regions share; empty if there is none."""
        rows, columns = (
            range(max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop)))
            for a, b in ((self.rows, other.rows), (self.columns, other.columns))
        )
        return Region(rows, columns)

    def within(self, other: Region) -> tuple[slice, slice]:
        """Return where it lies in a region that holds it."""
        top, left = (own - start for own, start in zip(self.corner, other.corner, strict=True))
        return slice(top, top + len(self.rows)), slice(left, left + len(self.columns))


ScoredRegion = tuple[Region, dict[str, Scores]]
"""A piece of the image, and the scores that the model gives for it."""

Read = Callable[[Region], Mapping[str, Tensor]]
"""Returns the pixels of a region, (1, channels, h, w) by name of the input, on the device."""


def moved(scores: Scores, origin: tuple[int, int], to: tuple[int, int]) -> Scores:
    """Return scores with a grid that counts from the (row, column) ``to``, not ``origin``."""
    offset = [own + a - b for own, a, b in zip(scores.grid.offset, origin, to, strict=True)]
    return replace(scores, grid=Grid(scores.grid.stride, offset))
