"""Resample scores from any grid to any other, by linear interpolation at exact positions.

Along each axis, ``out(x) = Σ_i s[i] · max(0, 1 − |y(x) − i|)``, where ``y(x)`` is the position of
target cell *x* in cells of the source. With a border of zeros, this equals FCN's bilinear
deconvolution and crop, without its C × C kernels. With a replicated border, the taps sum to 1 up to
the edge of the image.

Each axis is a product with a matrix of two bands, computed in dense blocks, because matrix products
are fast on every device and deterministic, as is their adjoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.numerics import at_least_float32, full_precision
from .grid import Border, Grid
from .scores import Scores

IMAGE = Grid()

BLOCK = 64
"""Source cells that a block spans; larger blocks mostly multiply by zero."""


def resample(scores: Scores, size: tuple[int, int], *, grid: Grid = IMAGE) -> Tensor:
    """Return the scores at the first ``size`` = (H, W) cells of ``grid``, (N, C, H, W).

    ``grid``: by default, the pixels of the image. ``scores.border`` gives the values outside of the
    map. The computation uses float32 (or float64 if the scores do), also under autocast. It is
    deterministic, as is its gradient.
    """
    tensor = at_least_float32(scores.tensor)
    if grid == scores.grid and tuple(tensor.shape[-2:]) == tuple(size):
        return tensor
    rows, columns = (
        Interpolation.between(scores.grid, grid, axis, tensor.shape[axis - 2], size[axis]).to_ints()
        for axis in (0, 1)
    )
    return resample_op(tensor, rows, columns, scores.border == "zeros")


@dataclass(frozen=True)
class Interpolation:
    """Along one axis, target cell *j* is at source cell ``start + step · j``."""

    start: Fraction
    step: Fraction
    cells_in: int
    cells_out: int

    @classmethod
    def between(
        cls, source: Grid, target: Grid, axis: int, cells_in: int, cells_out: int
    ) -> Interpolation:
        """Return the interpolation from ``cells_in`` source cells to ``cells_out`` target cells."""
        start = (target.offset[axis] - source.offset[axis]) / source.stride[axis]
        return cls(start, target.stride[axis] / source.stride[axis], cells_in, cells_out)

    def to_ints(self) -> list[int]:
        """Return numerator and denominator of start and of step, then cells_in and cells_out."""
        return [
            *self.start.as_integer_ratio(),
            *self.step.as_integer_ratio(),
            self.cells_in,
            self.cells_out,
        ]

    @classmethod
    def from_ints(cls, numbers: Sequence[int]) -> Interpolation:
        """Return the interpolation that ``to_ints`` converted to these numbers."""
        return cls(Fraction(*numbers[:2]), Fraction(*numbers[2:4]), *numbers[4:])

    def part(self, first: int, last: int) -> tuple[slice, Interpolation]:
        """Return the source cells of targets ``first`` … ``last`` − 1, and their interpolation."""
        low = floor(self.start + self.step * first)
        high = floor(self.start + self.step * (last - 1)) + 2
        low = min(max(low, 0), self.cells_in - 1)
        high = min(max(high, low + 1), self.cells_in)
        start = self.start + self.step * first - low
        return slice(low, high), Interpolation(start, self.step, high - low, last - first)

    def blocks(self) -> Iterator[tuple[slice, slice, Interpolation]]:
        """Yield target cells, the source cells that they need, and the interpolation between them.

        Each part spans about ``BLOCK`` source cells.
        """
        count = self.cells_out
        if self.cells_in > 2 * BLOCK:
            count = max(1, int(BLOCK / self.step))
        for first in range(0, self.cells_out, count):
            last = min(first + count, self.cells_out)
            yield slice(first, last), *self.part(first, last)


def taps(interpolation: Interpolation, border: Border) -> np.ndarray:
    """Return the weights (cells_out, cells_in), float64, of a linear interpolation.

    Positions are integers over a common denominator, so they do not drift over long axes.
    """
    at = interpolation
    common = at.start.denominator * at.step.denominator
    first, step = int(at.start * common), int(at.step * common)
    position = first + step * np.arange(at.cells_out, dtype=np.int64)
    if border == "replicate":
        position = position.clip(0, (at.cells_in - 1) * common)
    below, remainder = np.divmod(position, common)
    weights = np.zeros((at.cells_out, at.cells_in))
    row = np.arange(at.cells_out)
    for cell, weight in ((below, 1 - remainder / common), (below + 1, remainder / common)):
        inside = (cell >= 0) & (cell < at.cells_in)
        weights[row[inside], cell[inside]] = weight[inside]
    return weights


class Block(NamedTuple):
    """Part of an interpolation; ``weights`` is (target cells, source cells)."""

    target: slice
    source: slice
    weights: Tensor


@dataclass(frozen=True)
class Axis:
    """Interpolation along one axis, as blocks of a matrix (cells_out, cells_in)."""

    cells_in: int
    cells_out: int
    blocks: tuple[Block, ...]

    @classmethod
    def along(cls, interpolation: Interpolation, border: Border, like: Tensor) -> Axis:
        """Return the blocks, with the device and type of ``like``."""
        blocks = tuple(
            Block(target, source, matrix(part, border, like))
            for target, source, part in interpolation.blocks()
        )
        return cls(interpolation.cells_in, interpolation.cells_out, blocks)

    def apply(self, tensor: Tensor, dim: int) -> Tensor:
        """Interpolate a tensor (B, h, w) along ``dim`` (−1 or −2)."""
        if len(self.blocks) == 1:
            (block,) = self.blocks
            return _product(block.weights, tensor.narrow(dim, *_span(block.source)), dim)
        shape = list(tensor.shape)
        shape[dim] = self.cells_out
        result = tensor.new_empty(shape)
        for target, source, weights in self.blocks:
            part = _product(weights, tensor.narrow(dim, *_span(source)), dim)
            result.narrow(dim, *_span(target)).copy_(part)
        return result

    def adjoint(self, gradient: Tensor, dim: int) -> Tensor:
        """Apply the transposed matrix."""
        shape = list(gradient.shape)
        shape[dim] = self.cells_in
        result = gradient.new_zeros(shape)
        for target, source, weights in self.blocks:
            part = _product(weights.mT, gradient.narrow(dim, *_span(target)), dim)
            result.narrow(dim, *_span(source)).add_(part)
        return result


def _span(cells: slice) -> tuple[int, int]:
    return cells.start, cells.stop - cells.start


def _product(weights: Tensor, tensor: Tensor, dim: int) -> Tensor:
    if dim == -1:
        return tensor @ weights.mT
    # A batched product, because a broadcast ``weights @ tensor`` would copy its operands.
    return torch.bmm(weights.expand(len(tensor), -1, -1), tensor)


# Custom operators, so that tracers and exporters receive one operation whose geometry they can
# read, and autograd keeps no full-size tensor for the backward pass.


@torch.library.custom_op("pluxel::resample", mutates_args=())
def resample_op(tensor: Tensor, rows: Sequence[int], columns: Sequence[int], zeros: bool) -> Tensor:
    """Resample (N, C, h, w) to (N, C, H, W); ``Interpolation.to_ints`` describes each axis."""
    vertical, horizontal = _axes(rows, columns, zeros, tensor)
    with full_precision(tensor):
        wide = horizontal.apply(tensor.flatten(0, 1), -1)
        return vertical.apply(wide, -2).unflatten(0, tensor.shape[:2])


@torch.library.custom_op("pluxel::resample_adjoint", mutates_args=())
def resample_adjoint_op(
    gradient: Tensor, rows: Sequence[int], columns: Sequence[int], zeros: bool
) -> Tensor:
    """Return the gradient (N, C, h, w) of the scores for a gradient (N, C, H, W)."""
    vertical, horizontal = _axes(rows, columns, zeros, gradient)
    with full_precision(gradient):
        wide = vertical.adjoint(gradient.flatten(0, 1), -2)
        return horizontal.adjoint(wide, -1).unflatten(0, gradient.shape[:2])


def _axes(rows: Sequence[int], columns: Sequence[int], zeros: bool, like: Tensor) -> list[Axis]:
    border = "zeros" if zeros else "replicate"
    return [Axis.along(Interpolation.from_ints(axis), border, like) for axis in (rows, columns)]


resample_op.register_fake(
    lambda tensor, rows, columns, _zeros: tensor.new_empty(
        (*tensor.shape[:2], rows[-1], columns[-1])
    )
)
resample_adjoint_op.register_fake(
    lambda gradient, rows, columns, _zeros: gradient.new_empty(
        (*gradient.shape[:2], rows[-2], columns[-2])
    )
)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001 - autograd passes it
    ctx.geometry = inputs[1:]


resample_op.register_autograd(
    lambda ctx, gradient: (resample_adjoint_op(gradient, *ctx.geometry), None, None, None),
    setup_context=_remember,
)
resample_adjoint_op.register_autograd(
    lambda ctx, tensor: (resample_op(tensor, *ctx.geometry), None, None, None),
    setup_context=_remember,
)


def matrix(interpolation: Interpolation, border: Border, like: Tensor) -> Tensor:
    """Return the weights (cells_out, cells_in) with the device and type of ``like``.

    Recent matrices are cached, except under a fake-tensor mode.
    """
    ordinary = type(torch.empty(0)) is Tensor and type(like.detach()) is Tensor
    make = _stored if ordinary else _stored.__wrapped__
    return make(interpolation, border, like.dtype, like.device)


# Enough for the strips and blocks of one image, most of which have few rows. A larger cache would
# cost a megabyte or more for every size of image.
@lru_cache(maxsize=64)
def _stored(
    interpolation: Interpolation, border: Border, dtype: torch.dtype, device: torch.device
) -> Tensor:
    # A tensor made in inference mode could not take part in a later backward pass.
    with torch.inference_mode(False):
        return torch.tensor(taps(interpolation, border), dtype=dtype, device=device)
