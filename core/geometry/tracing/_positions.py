"""Where the cells of an intermediate tensor come from: the algebra behind tracing.

Along each axis the index of a cell is a number in mixed radix. A tensor that was reshaped into
windows, tokens or phases holds that number's digits in different dimensions; put together again
they are the position they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from ._extent import Extent, Untraceable


class Digit(NamedTuple):
    """A factor of a dimension: ``size`` values that count ``step`` cells each along ``axis``.

    ``axis`` is 0 (vertical), 1 (horizontal), or None for whatever has no position.
    """

    size: int
    axis: int | None = None
    step: int = 0


Dim = tuple[Digit, ...]


@dataclass(frozen=True)
class Located:
    """Positions of a tensor's cells, its dimensions described by digits (a size of 1 has none).

    ``everything``: a cell may depend on the whole image (global pooling, attention).
    ``mixed``: positions were mixed by attention; a cell's own is that of the residual stream.
    """

    dims: tuple[Dim, ...]
    extents: tuple[Extent, Extent] = (Extent(), Extent())
    everything: bool = False
    mixed: bool = False

    @classmethod
    def image(cls, shape: Sequence[int]) -> Located:
        """Return the positions of an image (N, C, H, W)."""
        batch, channels, height, width = shape
        return cls((plain(batch), plain(channels), (Digit(height, 0, 1),), (Digit(width, 1, 1),)))

    @property
    def axes(self) -> set[int]:
        """The axes along which there are positions."""
        return {d.axis for dim in self.dims for d in dim if d.axis is not None}

    @property
    def is_map(self) -> bool:
        """Whether this is (N, channels, h, w) with all rows and columns in order."""
        lines = [(d.axis, d.step) for dim in self.dims for d in dim if d.axis is not None]
        alone = [len(dim) for dim in self.dims[-2:]] == [1, 1]
        return len(self.dims) == 4 and alone and lines == [(0, 1), (1, 1)]

    def line(self, dim: int) -> int | None:
        """Return the axis that dimension ``dim`` runs along cell by cell; None: it has no position.

        Raises: Untraceable if the dimension holds anything in between.
        """
        digits = self.dims[dim]
        if not is_spatial(digits):
            return None
        digit, *others = digits
        alone = sum(d.axis == digit.axis for other in self.dims for d in other) == 1
        if others or not alone or digit.step != 1:
            raise Untraceable
        return digit.axis

    def moved(self, dim: int, size: int, extent: Extent) -> Located:
        """Return the positions after dimension ``dim`` became ``size`` cells of ``extent``."""
        axis = self.line(dim)
        if axis is None:
            return self.with_dim(dim, plain(size))
        extents = list(self.extents)
        extents[axis] = extent
        moved = replace(self, extents=(extents[0], extents[1]))
        return moved.with_dim(dim, (Digit(size, axis, 1),) if size > 1 else ())

    def along(self, dim: int) -> Extent:
        """Return the extent along dimension ``dim`` (a neutral one where it has no position)."""
        axis = self.line(dim)
        return Extent() if axis is None else self.extents[axis]

    def with_dim(self, dim: int, digits: Dim) -> Located:
        """Return a copy with one dimension described anew."""
        dims = list(self.dims)
        dims[dim] = digits
        return replace(self, dims=tuple(dims))

    def reshaped(self, shape: Sequence[int]) -> Located:
        """Return the positions after a view or reshape.

        Raises: Untraceable where a dimension is cut at a place that is no digit's.
        """
        digits = list(_joined([digit for dim in self.dims for digit in dim]))[::-1]
        return replace(self, dims=tuple(_take(digits, size) for size in shape))

    def permuted(self, order: Iterable[int]) -> Located:
        """Return the positions after the dimensions changed places."""
        return replace(self, dims=tuple(self.dims[i] for i in order))

    def contracted(self, dim: int, size: int) -> Located:
        """Return the positions after the cells along ``dim`` were combined to ``size`` new values.

        Low digits, of a neighborhood (phases moved to channels), widen the extent; a whole axis
        makes the result depend on everything along it.

        Raises: Untraceable if high digits are combined, which are of cells far apart.
        """
        gone = [d for d in self.dims[dim] if d.axis is not None]
        kept = self.with_dim(dim, plain(size))
        for axis in {d.axis for d in gone if d.axis is not None}:
            kept = kept._without(axis, [d for d in gone if d.axis == axis])
        return kept

    def _without(self, axis: int, gone: Sequence[Digit]) -> Located:
        left = [d.step for dim in self.dims for d in dim if d.axis == axis]
        if not left:
            return replace(self, everything=True)
        old, unit = self.extents[axis], min(left)
        if any(d.step * d.size > unit for d in gone):
            raise Untraceable
        reach = sum(d.step * (d.size - 1) for d in gone)
        new = old.reaching(old.stride * unit, 0, reach)
        dims = tuple(
            tuple(d._replace(step=d.step // unit) if d.axis == axis else d for d in dim)
            for dim in self.dims
        )
        extents = (new, self.extents[1]) if axis == 0 else (self.extents[0], new)
        return replace(self, dims=dims, extents=extents)

    def merged(self, other: Located, dims: Sequence[Dim]) -> Located:
        """Return the positions of a combination of two, laid out as ``dims``."""
        vertical, horizontal = (self._joint(other, axis) for axis in (0, 1))
        return Located(
            tuple(dims),
            (vertical, horizontal),
            self.everything or other.everything,
            self.mixed or other.mixed,
        )

    def _joint(self, other: Located, axis: int) -> Extent:
        mine, theirs = self.extents[axis], other.extents[axis]
        if axis in self.axes and axis in other.axes:
            return mine.union(theirs)
        return theirs if axis in other.axes else mine


def plain(size: int) -> Dim:
    """Return a dimension without positions."""
    return (Digit(size),) if size > 1 else ()


def is_spatial(dim: Dim) -> bool:
    """Tell whether a dimension holds positions."""
    return any(digit.axis is not None for digit in dim)


def length(dim: Dim) -> int:
    """Return the number of cells along a dimension."""
    return prod(digit.size for digit in dim)


def broadcast(left: Located, right: Located) -> Located:
    """Return the positions of an elementwise combination of two tensors."""
    rank = max(len(left.dims), len(right.dims))
    pairs = zip(_pad(left.dims, rank), _pad(right.dims, rank), strict=True)
    return left.merged(right, [_common(one, other) for one, other in pairs])


def _pad(dims: tuple[Dim, ...], rank: int) -> tuple[Dim, ...]:
    return ((),) * (rank - len(dims)) + dims


def _common(one: Dim, other: Dim) -> Dim:
    if length(one) == 1 or length(other) == 1:
        return other if length(one) == 1 else one
    if is_spatial(one) and is_spatial(other) and one != other:
        raise Untraceable
    return one if is_spatial(one) else other


def _take(stack: list[Digit], size: int) -> Dim:
    """Pop digits (most significant last) until they number ``size``, splitting one if need be."""
    taken: list[Digit] = []
    while size > 1:
        digit = stack.pop() if stack else Digit(1)
        if digit.size <= size:
            if digit.size == 1 or size % digit.size:
                raise Untraceable
            size //= digit.size
        else:
            if digit.size % size:
                raise Untraceable
            inner = digit.size // size
            stack.append(digit._replace(size=inner))
            digit = digit._replace(size=size, step=digit.step * inner)
            size = 1
        taken.append(digit)
    return _joined(taken)


def _joined(digits: Sequence[Digit]) -> Dim:
    """Put neighboring digits of one number together again."""
    joined: list[Digit] = []
    for digit in digits:
        last = joined[-1] if joined else None
        if last and last.axis == digit.axis and last.step == digit.size * digit.step:
            joined[-1] = digit._replace(size=last.size * digit.size)
        else:
            joined.append(digit)
    return tuple(joined)
