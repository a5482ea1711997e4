"""The positions of the cells of intermediate tensors: the algebra behind tracing.

Along each axis, the index of a cell is a number in mixed radix. Reshaping a tensor into windows,
tokens or phases distributes the digits of that number over several dimensions; joined again, the
digits give the original position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from ._extent import Extent, Untraceable


class Digit(NamedTuple):
    """A factor of a dimension: ``size`` values, ``step`` cells apart along ``axis``.

    ``axis``: 0 (vertical), 1 (horizontal), or None if the values have no position.
    """

    size: int
    axis: int | None = None
    step: int = 0


Dim = tuple[Digit, ...]


@dataclass(frozen=True)
class Located:
    """The positions of a tensor's cells.

    ``dims``: the digits of each dimension; none for a size of 1. ``everything``: a cell may depend
    on the whole image (global pooling, attention). ``mixed``: attention mixed the positions, and
    each cell keeps its position in the residual stream. ``attended``: it did so since the stream
    was last added. ``placed``: the values also depend on the
    position in the image, or on its size. ``guessed``: an operation could not be followed, and each
    cell is assumed to stay where it was.
    """

    dims: tuple[Dim, ...]
    extents: tuple[Extent, Extent] = (Extent(), Extent())
    everything: bool = False
    mixed: bool = False
    placed: bool = False
    guessed: bool = False
    attended: bool = False

    @classmethod
    def image(cls, shape: Sequence[int]) -> Located:
        """Return the positions of an image (N, C, H, W)."""
        batch, channels, height, width = shape
        return cls((plain(batch), plain(channels), (Digit(height, 0, 1),), (Digit(width, 1, 1),)))

    @property
    def axes(self) -> set[int]:
        """The axes along which the tensor has positions."""
        return {d.axis for dim in self.dims for d in dim if d.axis is not None}

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(map(length, self.dims))

    @property
    def is_map(self) -> bool:
        """Whether the tensor is (N, channels, h, w) with all rows and columns in order."""
        lines = [(d.axis, d.step) for dim in self.dims for d in dim if d.axis is not None]
        alone = [len(dim) for dim in self.dims[-2:]] == [1, 1]
        return len(self.dims) == 4 and alone and lines == [(0, 1), (1, 1)]

    def line(self, dim: int) -> int | None:
        """Return the axis that dimension ``dim`` follows cell by cell, or None without positions.

        Raises: Untraceable if the dimension has positions that do not form a whole axis.
        """
        digits = self.dims[dim]
        if not is_spatial(digits):
            return None
        digit, *more = digits
        unique = sum(d.axis == digit.axis for other in self.dims for d in other) == 1
        if more or not unique or digit.step != 1:
            raise Untraceable
        return digit.axis

    def moved(self, dim: int, size: int, extent: Extent) -> Located:
        """Return the positions with ``size`` cells of ``extent`` along dimension ``dim``."""
        axis = self.line(dim)
        if axis is None:
            return self.with_dim(dim, plain(size))
        extents = list(self.extents)
        extents[axis] = extent
        moved = replace(self, extents=(extents[0], extents[1]))
        return moved.with_dim(dim, (Digit(size, axis, 1),) if size > 1 else ())

    def along(self, dim: int) -> Extent:
        """Return the extent along dimension ``dim``; a neutral one if it has no positions."""
        axis = self.line(dim)
        return Extent() if axis is None else self.extents[axis]

    def with_dim(self, dim: int, digits: Dim) -> Located:
        """Return a copy with new digits for one dimension."""
        dims = list(self.dims)
        dims[dim] = digits
        return replace(self, dims=tuple(dims))

    def reshaped(self, shape: Sequence[int]) -> Located:
        """Return the positions after a view or reshape.

        Raises: Untraceable if the new shape splits a dimension within a digit.
        """
        digits = list(_joined([digit for dim in self.dims for digit in dim]))[::-1]
        return replace(self, dims=tuple(_take(digits, size) for size in shape))

    def permuted(self, order: Iterable[int]) -> Located:
        """Return the positions after reordering the dimensions."""
        return replace(self, dims=tuple(self.dims[i] for i in order))

    def contracted(self, dim: int, size: int) -> Located:
        """Return the positions after combining the cells along ``dim`` into ``size`` new values.

        Combining low digits, which number cells in a neighborhood (phases moved to channels),
        widens the extent. Combining a whole axis makes the result depend on the whole image.

        Raises: Untraceable if high digits, which number distant cells, are combined.
        """
        removed = [d for d in self.dims[dim] if d.axis is not None]
        result = self.with_dim(dim, plain(size))
        for axis in {d.axis for d in removed if d.axis is not None}:
            result = result._without(axis, [d for d in removed if d.axis == axis])
        return result

    def _without(self, axis: int, removed: Sequence[Digit]) -> Located:
        steps = [d.step for dim in self.dims for d in dim if d.axis == axis]
        if not steps:
            return replace(self, everything=True)
        old, unit = self.extents[axis], min(steps)
        if any(d.step * d.size > unit for d in removed):
            raise Untraceable
        reach = sum(d.step * (d.size - 1) for d in removed)
        new = old.reaching(old.stride * unit, 0, reach)
        dims = tuple(
            tuple(d._replace(step=d.step // unit) if d.axis == axis else d for d in dim)
            for dim in self.dims
        )
        extents = (new, self.extents[1]) if axis == 0 else (self.extents[0], new)
        return replace(self, dims=dims, extents=extents)

    def merged(self, other: Located, dims: Sequence[Dim]) -> Located:
        """Return the positions of a combination of two tensors with dimensions ``dims``."""
        vertical, horizontal = (self._joint(other, axis) for axis in (0, 1))
        return Located(
            tuple(dims),
            (vertical, horizontal),
            self.everything or other.everything,
            self.mixed or other.mixed,
            self.placed or other.placed,
            self.guessed or other.guessed,
            attended=(self.attended or other.attended) and not (self.axes and other.axes),
        )

    def _joint(self, other: Located, axis: int) -> Extent:
        extent, other_extent = self.extents[axis], other.extents[axis]
        if axis in self.axes and axis in other.axes:
            union = extent.union(other_extent)
            stream = self._stream(other, axis)
            return union._replace(offset=stream.offset) if stream else union
        return other_extent if axis in other.axes else extent

    def _stream(self, other: Located, axis: int) -> Extent | None:
        """Return which of two tensors is the residual stream that attention comes back to.

        After attention, the middle of the receptive field says nothing about the position.
        """
        if not (self.mixed or other.mixed):
            return None
        if self.attended != other.attended:
            return (other if self.attended else self).extents[axis]
        extents = self.extents[axis], other.extents[axis]
        joined = [one for one in extents if one.joined]
        return joined[0] if len(joined) == 1 else None


def plain(size: int) -> Dim:
    """Return a dimension without positions."""
    return (Digit(size),) if size > 1 else ()


def is_spatial(dim: Dim) -> bool:
    """Return whether a dimension has positions."""
    return any(digit.axis is not None for digit in dim)


def length(dim: Dim) -> int:
    """Return the number of cells along a dimension."""
    return prod(digit.size for digit in dim)


def broadcast(left: Located, right: Located) -> Located:
    """Return the positions of an elementwise combination of two tensors."""
    rank = max(len(left.dims), len(right.dims))
    pairs = zip(_pad(left.dims, rank), _pad(right.dims, rank), strict=True)
    return left.merged(right, [_common(a, b) for a, b in pairs])


def _pad(dims: tuple[Dim, ...], rank: int) -> tuple[Dim, ...]:
    return ((),) * (rank - len(dims)) + dims


def _common(left: Dim, right: Dim) -> Dim:
    if length(left) == 1 or length(right) == 1:
        return right if length(left) == 1 else left
    if is_spatial(left) and is_spatial(right) and left != right:
        raise Untraceable
    return left if is_spatial(left) else right


def _take(stack: list[Digit], size: int) -> Dim:
    """Pop digits (most significant last) until they count ``size``; split one if necessary."""
    popped: list[Digit] = []
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
        popped.append(digit)
    return _joined(popped)


def _joined(digits: Sequence[Digit]) -> Dim:
    """Join adjacent digits of the same number."""
    joined: list[Digit] = []
    for digit in digits:
        last = joined[-1] if joined else None
        if last and last.axis == digit.axis and last.step == digit.size * digit.step:
            joined[-1] = digit._replace(size=last.size * digit.size)
        else:
            joined.append(digit)
    return tuple(joined)
