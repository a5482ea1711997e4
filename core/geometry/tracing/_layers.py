"""Rules for layers: how convolutions, pools, norms, products and attention map positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..resampling import Interpolation
from ._call import Call, Rule
from ._extent import Untraceable
from ._layout import elementwise
from ._positions import Located, broadcast, is_spatial, plain


def convolution(call: Call) -> Located:
    """Slide a window of weights, and combine all channels."""
    kernel = call["weight"].shape[2:]
    stride, dilation = (_each(call[name], kernel) for name in ("stride", "dilation"))
    padding = call["padding"]
    if isinstance(padding, str):
        same = padding == "same"
        padding = [same * (d * (k - 1) // 2) for k, d in zip(kernel, dilation, strict=True)]
    padding = _each(padding, kernel)
    mixed = call.first.contracted(-len(kernel) - 1, call.shape[-len(kernel) - 1])
    windows = list(zip(kernel, stride, padding, dilation, strict=True))
    # ``convolution`` has a flag for transposition; ``conv2d`` and ``conv_transpose2d`` differ in
    # signature.
    transposed = call.arguments.get("transposed", "output_padding" in call.arguments)
    return _slide(call, mixed, windows, transposed=transposed)


def pool(call: Call) -> Located:
    """Slide a window over each channel."""
    kernel = call["kernel_size"]
    kernel = _each(kernel, kernel)
    stride = _each(call["stride"] or kernel, kernel)
    dilation = _each(call.arguments.get("dilation", 1), kernel)
    padding = _each(call["padding"], kernel)
    return _slide(call, call.first, list(zip(kernel, stride, padding, dilation, strict=True)))


SlidingWindow = tuple[int, int, int, int]
"""Kernel, stride, padding and dilation along one axis."""


def _slide(
    call: Call, located: Located, windows: Sequence[SlidingWindow], *, transposed: bool = False
) -> Located:
    if not transposed:
        call.record_padding([padding for _, _, padding, _ in windows])
    for dim, window in enumerate(windows, -len(windows)):
        extent = located.along(dim)
        extent = extent.transposed(*window) if transposed else extent.window(*window)
        located = located.moved(dim, call.shape[dim], extent)
    return located


def _each(value: int | Sequence[int], like: int | Sequence[int]) -> Sequence[int]:
    count = 2 if isinstance(like, int) else len(like)
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def pad(call: Call) -> Located:
    """Add cells at the borders; negative numbers remove cells."""
    amounts = call.arguments.get("pad", call.arguments.get("padding"))
    located = call.first
    before = tuple(amounts[::2])
    call.record_padding(before)
    for dim, cells in enumerate(before, 1):
        if located.line(-dim) is not None or amounts[2 * dim - 2 : 2 * dim] != [0, 0]:
            extent = located.along(-dim).shifted(-cells)
            located = located.moved(-dim, call.shape[-dim], extent)
    return located


def reduce(call: Call) -> list[Located]:
    """Combine the cells along some or all dimensions into one, or two tensors cell by cell."""
    if "other" in call.arguments:
        return [elementwise(call)]
    located, dims = call.first, call.arguments.get("dim")
    dims = range(len(located.dims)) if dims in (None, []) else dims
    for dim in [dims] if isinstance(dims, int) else dims:
        located = located.contracted(dim, 1)
    return [located.reshaped(shape) for shape in call.shapes]


def normalize_along(call: Call) -> Located:
    """Softmax and layer norm: each value depends on all values along some dimensions."""
    count = len(call.arguments.get("normalized_shape", ()))
    dims = range(-count, 0) if count else [call["dim"]]
    spatial = any(is_spatial(call.first.dims[dim]) for dim in dims)
    return replace(call.first, everything=call.first.everything or spatial)


def normalize_maps(call: Call) -> Located:
    """Group norm and instance norm: each value depends on its whole map."""
    return replace(call.first, everything=True)


def linear(call: Call) -> Located:
    """Combine the last dimension with weights."""
    return call.first.contracted(-1, call.shape[-1])


def matmul(call: Call) -> Located:
    """Multiply matrices; a product that combines cells at different positions is attention."""
    left, right = (call.located(call[name]) for name in list(call.arguments)[:2])
    if min(len(left.dims), len(right.dims)) < 2:
        raise Untraceable
    *batch, rows, inner = left.dims
    *other_batch, other_inner, columns = right.dims
    paired = is_spatial(rows) and is_spatial(columns)
    columns = plain(call.shape[-1]) if paired else columns
    frame = broadcast(
        replace(left, dims=(*batch, rows, ())), replace(right, dims=(*other_batch, (), columns))
    )
    attends = paired or is_spatial(inner) or is_spatial(other_inner)
    return replace(frame, everything=True, mixed=True, attended=True) if attends else frame


def attention(call: Call) -> Located:
    """Combine all keys for every query; the result has the positions of the queries."""
    query = call.first
    located = query.with_dim(-1, plain(call.shape[-1]))
    return replace(located, everything=True, mixed=True, attended=True)


def upsample(taps: int) -> Rule:
    """Return the rule for interpolation by an integer factor, with ``taps`` cells per pixel."""

    def rule(call: Call) -> Located:
        located = call.first
        if call.arguments.get("align_corners"):
            raise Untraceable
        for dim in (-2, -1):
            factor = Fraction(call.shape[dim], next(iter(call.arguments.values())).shape[dim])
            if factor.denominator != 1:
                raise Untraceable
            kernel = taps * int(factor)
            padding = (kernel - factor) / 2
            if factor > 1:
                extent = located.along(dim).transposed(kernel, int(factor), padding)
                located = located.moved(dim, call.shape[dim], extent)
        return located

    return rule


def resample(call: Call) -> Located:
    """Interpolate between the two nearest cells, axis by axis (``core.geometry.resampling``)."""
    located = call.first
    for dim, name in ((-2, "rows"), (-1, "columns")):
        at = Interpolation.from_ints(call[name])
        extent = located.along(dim).resampled(at.start, at.step)
        located = located.moved(dim, at.cells_out, extent)
    return located


def adaptive_pool(call: Call) -> Located:
    """Pool to a fixed size; only a single cell and the size of the input can be followed."""
    located, before = call.first, call["self"].shape
    for dim in range(-len(call["output_size"]), 0):
        if call.shape[dim] == 1:
            located = located.contracted(dim, 1)
        elif call.shape[dim] != before[dim]:
            raise Untraceable
    return located
