"""Positions of tensors after an operation that cannot be followed: where the last map was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ._call import Shape
from ._extent import Extent
from ._positions import Digit, Located, plain


@dataclass(frozen=True)
class Lost:
    """The state of a tensor that depends on the image in an unknown way.

    ``mixed``: it does so through attention. ``placed``: as for `Located`.
    """

    mixed: bool = False
    placed: bool = False


TensorState = Located | Lost


class Guesses:
    """The last located map of each size, whose cells later tensors of that size stand for."""

    def __init__(self) -> None:
        self._maps: dict[tuple[int, int], tuple[Extent, Extent]] = {}

    def remember(self, shape: Shape, located: Located) -> None:
        """Remember a map (N, C, h, w) or (N, h, w, C)."""
        for start in (2, 1):
            inner = located.dims[start : start + 2]
            if len(shape) == 4 and inner == _axes(shape[start], shape[start + 1]):
                self._maps[shape[start], shape[start + 1]] = located.extents

    def of(self, shape: Shape, lost: Lost, streams: Sequence[TensorState] = ()) -> TensorState:
        """Return guessed positions for a result, or ``lost`` if nothing is known.

        ``streams``: operands of an elementwise operation, one of which may be a residual stream
        that keeps its positions.
        """
        flags = {"everything": True, "mixed": lost.mixed, "placed": lost.placed, "guessed": True}
        for state in streams:
            if isinstance(state, Located) and state.axes and state.sizes == tuple(shape):
                return replace(state, **flags)
        for start in (2, 1):
            if len(shape) == 4 and (size := (shape[start], shape[start + 1])) in self._maps:
                dims = [*map(plain, shape)]
                dims[start : start + 2] = _axes(*size)
                return Located(tuple(dims), self._maps[size], **flags)
        return lost


def _axes(*sizes: int) -> tuple[tuple[Digit, ...], ...]:
    return tuple((Digit(size, axis, 1),) if size > 1 else () for axis, size in enumerate(sizes))
