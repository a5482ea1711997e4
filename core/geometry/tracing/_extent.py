"""The position and the receptive field of a map's cells along one axis."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import NamedTuple


class Untraceable(Exception):  # noqa: N818
    """The positions of an operation's result do not follow from those of its operands."""


class Extent(NamedTuple):
    """Positions along one axis, in pixels; the center of cell *i* is at ``offset + stride·i``.

    Cell 0 depends on pixels ``first`` to ``last``. ``interpolated``: the largest stride from which
    the map was upsampled, or 0 if it was not. ``joined``: whether the map is the sum of two maps,
    which no window has passed since.
    """

    stride: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    interpolated: Fraction = Fraction(0)
    joined: bool = False

    def reaching(self, stride: Fraction, before: Fraction | int, after: Fraction | int) -> Extent:
        """Return the extent of cells that combine cells ``-before`` to ``after`` of this one."""
        first, last = self.first - self.stride * before, self.last + self.stride * after
        center = self.offset + self.stride * (Fraction(after) - before) / 2
        return Extent(stride, center, first, last, self.interpolated)

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Extent:
        """Return the extent after a convolution or a pooling."""
        return self.reaching(self.stride * stride, padding, dilation * (kernel - 1) - padding)

    def transposed(
        self, kernel: int, stride: int, padding: Fraction | int, dilation: int = 1
    ) -> Extent:
        """Return the extent after a transposed convolution, as the union over its phases."""
        before = Fraction(dilation * (kernel - 1) - padding, stride)
        finer = self.reaching(self.stride / stride, before, Fraction(padding, stride))
        return finer._replace(interpolated=max(self.interpolated, self.stride))

    def resampled(self, start: Fraction, step: Fraction) -> Extent:
        """Return the extent if cell *j* is interpolated at cell ``start + step·j`` of this one."""
        # The phase that is farthest from its two neighbors determines the reach.
        reach = 1 - Fraction(1, lcm(start.denominator, step.denominator))
        return Extent(
            self.stride * step,
            self.offset + self.stride * start,
            self.first + self.stride * (start - reach),
            self.last + self.stride * (start + reach),
            max(self.interpolated, self.stride),
        )

    def shifted(self, cells: int) -> Extent:
        """Return the extent without the first ``cells`` cells; a negative number adds cells."""
        return self.reaching(self.stride, -cells, cells)

    def union(self, other: Extent) -> Extent:
        """Return the extent of a cell that combines a cell of each map.

        If their positions differ, the map that was upsampled less is sharper and determines the
        position. If neither is sharper, the position is the middle of the receptive field.
        """
        if self.stride != other.stride:
            raise Untraceable
        first, last = min(self.first, other.first), max(self.last, other.last)
        sharp, coarse = sorted((self, other), key=lambda extent: extent.interpolated)
        offset = (first + last) / 2
        if sharp.offset == coarse.offset or sharp.interpolated < coarse.interpolated:
            offset = sharp.offset
        return Extent(self.stride, offset, first, last, sharp.interpolated, joined=True)

    @property
    def receptive_field(self) -> Fraction:
        """The smallest odd number of pixels, centered at the position, that covers all inputs."""
        return 2 * max(self.offset - self.first, self.last - self.offset) + 1
