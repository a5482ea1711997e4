"""What a cell of a map sees along one axis, and where it lies."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import NamedTuple


class Untraceable(Exception):  # noqa: N818
    """The positions of an operation's result do not follow from those of its operands."""


class Extent(NamedTuple):
    """Along one axis: cell *i* lies at pixel ``offset + stride·i`` and sees ``first`` to ``last``.

    ``first`` and ``last`` are those of cell 0. ``interpolated`` is the largest stride that the map
    was upsampled from, 0 if it never was.
    """

    stride: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    interpolated: Fraction = Fraction(0)

    def reaching(self, stride: Fraction, before: Fraction | int, after: Fraction | int) -> Extent:
        """Return the extent of a cell that sees cells ``-before`` to ``after`` of this one."""
        first, last = self.first - self.stride * before, self.last + self.stride * after
        center = self.offset + self.stride * (Fraction(after) - before) / 2
        return Extent(stride, center, first, last, self.interpolated)

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Extent:
        """Return what a convolution or a pooling makes of it."""
        return self.reaching(self.stride * stride, padding, dilation * (kernel - 1) - padding)

    def transposed(self, kernel: int, stride: int, padding: Fraction | int) -> Extent:
        """Return what a transposed convolution makes of it: the union over its phases."""
        before = Fraction(kernel - 1 - padding, stride)
        finer = self.reaching(self.stride / stride, before, Fraction(padding, stride))
        return finer._replace(interpolated=max(self.interpolated, self.stride))

    def resampled(self, start: Fraction, step: Fraction) -> Extent:
        """Return the extent of a cell *j* interpolated at cell ``start + step·j`` of this one."""
        # Of all its phases, the one that is farthest from either neighbor.
        reach = 1 - Fraction(1, lcm(start.denominator, step.denominator))
        finer = Extent(
            self.stride * step,
            self.offset + self.stride * start,
            self.first + self.stride * (start - reach),
            self.last + self.stride * (start + reach),
        )
        return finer._replace(interpolated=max(self.interpolated, self.stride))

    def shifted(self, cells: int) -> Extent:
        """Return the extent after the first ``cells`` cells were cut off (negative: added)."""
        return self.reaching(self.stride, -cells, cells)

    def union(self, other: Extent) -> Extent:
        """Return the extent of a cell that sees what either sees.

        Where the two lie differently, the position is that of the one that was not upsampled (from
        so coarse a map): it is the sharper. Otherwise it is the middle of what is seen.
        """
        if self.stride != other.stride:
            raise Untraceable
        first, last = min(self.first, other.first), max(self.last, other.last)
        sharp, coarse = sorted((self, other), key=lambda extent: extent.interpolated)
        offset = (first + last) / 2
        if sharp.offset == coarse.offset or sharp.interpolated < coarse.interpolated:
            offset = sharp.offset
        return Extent(self.stride, offset, first, last, sharp.interpolated)

    @property
    def receptive_field(self) -> Fraction:
        """The smallest odd number of pixels around the position that holds all that is seen."""
        return 2 * max(self.offset - self.first, self.last - self.offset) + 1
