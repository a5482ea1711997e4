"""Rules for operations that move or combine cells without reading their neighbors."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from torch import Tensor

from ._call import Call
from ._extent import Untraceable
from ._positions import Located, broadcast, is_spatial, plain


def elementwise(call: Call) -> Located:
    """Combine all tensors cell by cell."""
    tensors = [value for value in call.arguments.values() if isinstance(value, Tensor)]
    return reduce(broadcast, map(call.located, tensors))


def unknown(call: Call) -> Located:
    """Raise Untraceable."""
    raise Untraceable(call)


def keep(call: Call) -> Located:
    """Leave positions as they are."""
    return call.first


def view(call: Call) -> Located:
    """Reshape, squeeze or unsqueeze; the digits keep their order."""
    return call.first.reshaped(call.shape)


def expand(call: Call) -> Located:
    """Repeat along dimensions of size 1."""
    constant = Located(tuple(plain(size) for size in call.shape))
    return broadcast(call.first, constant)


def permute(call: Call) -> Located:
    """Reorder the dimensions."""
    return call.first.permuted(call["dims"])


def transpose(call: Call) -> Located:
    """Swap two dimensions."""
    order = list(range(len(call.shape)))
    if order:
        first, second = call.arguments.get("dim0", 0), call.arguments.get("dim1", 1)
        order[first], order[second] = order[second], order[first]
    return call.first.permuted(order)


def slice_(call: Call) -> Located:
    """Take every ``step``-th cell from ``start`` on."""
    located, dim, start, step = call.first, call["dim"], call["start"] or 0, call["step"]
    if call.shape[dim] == call["self"].shape[dim]:
        return located
    if start < 0 and is_spatial(located.dims[dim]):
        raise Untraceable
    extent = located.along(dim).shifted(start)
    return located.moved(dim, call.shape[dim], extent._replace(stride=extent.stride * step))


def take(call: Call) -> list[Located]:
    """Take or split along a dimension that has no positions."""
    located, dim = call.first, call["dim"]
    if is_spatial(located.dims[dim]):
        raise Untraceable
    if len(call.shape) == len(located.dims):
        return [located.with_dim(dim, plain(shape[dim])) for shape in call.shapes]
    return [located.with_dim(dim, ()).reshaped(shape) for shape in call.shapes]


def cat(call: Call) -> Located:
    """Concatenate along a dimension that has no positions."""
    parts, dim = [call.located(part) for part in call["tensors"]], call["dim"]
    if any(is_spatial(part.dims[dim]) for part in parts):
        raise Untraceable
    result = reduce(broadcast, (part.with_dim(dim, ()) for part in parts))
    return result.with_dim(dim, plain(call.shape[dim]))


def stack(call: Call) -> Located:
    """Concatenate along a new dimension."""
    result, dim = reduce(broadcast, map(call.located, call["tensors"])), call["dim"]
    dims = list(result.dims)
    dims.insert(dim % len(call.shape), plain(call.shape[dim]))
    return replace(result, dims=tuple(dims))


def pixel_unshuffle(call: Call) -> Located:
    """Move phases to channels."""
    factor, (channels, height, width) = call["downscale_factor"], call.shape[-3:]
    batch = call.shape[:-3]
    phases = (*batch, channels // factor**2, height, factor, width, factor)
    start = len(batch)
    order = [*range(start), *(start + i for i in (0, 2, 4, 1, 3))]
    return call.first.reshaped(phases).permuted(order).reshaped(call.shape)


def roll(call: Call) -> Located:
    """Shift cyclically; cells that wrap around are assumed to be rolled back later."""
    located = call.first
    for dim, cells in zip(call["dims"], call["shifts"], strict=True):
        located = located.moved(dim, call.shape[dim], located.along(dim).shifted(-cells))
    return located
