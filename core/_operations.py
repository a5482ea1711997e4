"""What each operation of the dispatcher does to positions.

A rule gets the operands of one call and returns the positions of its first result, or those of each
result. Elementwise operations need no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from ._positions import Dim, Located, Untraceable, broadcast, is_spatial, plain

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One call: its arguments by name, the shapes of its results, and what is known of tensors.

    ``paddings``: where rules note the cells that are added at the top left.
    """

    arguments: Mapping[str, Any]
    shapes: Sequence[Shape]
    locate: Callable[[Tensor], Located | None]
    paddings: list[tuple[int, ...]]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @property
    def shape(self) -> Shape:
        """The shape of the first result."""
        return self.shapes[0]

    @property
    def first(self) -> Located:
        """The positions of the first argument."""
        return self.located(next(iter(self.arguments.values())))

    def located(self, value: Tensor) -> Located:
        """Return the positions of an operand; those of a constant are none."""
        return self.locate(value) or Located(tuple(plain(size) for size in value.shape))


    def note_padding(self, before: Sequence[int]) -> None:
        """Keep the numbers of cells that are added at the top left, if there are any."""
        if any(before):
            self.paddings.append(tuple(before))


Rule = Callable[[Call], Located | Sequence[Located]]


def elementwise(call: Call) -> Located:
    """Combine all tensors cell by cell."""
    tensors = [value for value in call.arguments.values() if isinstance(value, Tensor)]
    result = call.located(tensors[0])
    for other in tensors[1:]:
        result = broadcast(result, call.located(other))
    return result


def keep(call: Call) -> Located:
    """Leave positions as they are."""
    return call.first


def view(call: Call) -> Located:
    """Reshape, squeeze, unsqueeze: the digits in the same order."""
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
        one, other = call.arguments.get("dim0", 0), call.arguments.get("dim1", 1)
        order[one], order[other] = order[other], order[one]
    return call.first.permuted(order)


def convolution(call: Call) -> Located:
    """Slide a window of weights; all channels are combined."""
    kernel = call["weight"].shape[2:]
    stride, dilation = (_each(call[name], kernel) for name in ("stride", "dilation"))
    padding = call["padding"]
    if isinstance(padding, str):
        same = padding == "same"
        padding = [same * (d * (k - 1) // 2) for k, d in zip(kernel, dilation, strict=True)]
    padding = _each(padding, kernel)
    mixed = call.first.contracted(-len(kernel) - 1, call.shape[-len(kernel) - 1])
    if call.arguments.get("transposed", "output_padding" in call.arguments):
        return _slide_transposed(call, mixed, kernel, stride, padding, dilation)
    return _slide(call, mixed, kernel, stride, padding, dilation)


def pool(call: Call) -> Located:
    """Slide a window over each channel."""
    kernel = call["kernel_size"]
    kernel = _each(kernel, kernel)
    stride = _each(call["stride"] or kernel, kernel)
    dilation = _each(call.arguments.get("dilation", 1), kernel)
    return _slide(call, call.first, kernel, stride, _each(call["padding"], kernel), dilation)


def _slide(
    call: Call,
    located: Located,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Located:
    call.note_padding(padding)
    for dim, window in enumerate(zip(kernel, stride, padding, dilation, strict=True), -len(kernel)):
        located = located.moved(dim, call.shape[dim], located.along(dim).window(*window))
    return located


def _slide_transposed(
    call: Call,
    located: Located,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Located:
    for dim, (k, s, p, d) in enumerate(
        zip(kernel, stride, padding, dilation, strict=True), -len(kernel)
    ):
        extent = located.along(dim).transposed(d * (k - 1) + 1, s, p)
        located = located.moved(dim, call.shape[dim], extent)
    return located


def _each(value: int | Sequence[int], like: int | Sequence[int]) -> Sequence[int]:
    count = 2 if isinstance(like, int) else len(like)
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def pad(call: Call) -> Located:
    """Add cells around (or cut them off, where negative)."""
    amounts = call.arguments.get("pad", call.arguments.get("padding"))
    located = call.first
    before = tuple(amounts[::2])
    call.note_padding(before)
    for dim, cells in enumerate(before, 1):
        if located.line(-dim) is not None or amounts[2 * dim - 2 : 2 * dim] != [0, 0]:
            extent = located.along(-dim).shifted(-cells)
            located = located.moved(-dim, call.shape[-dim], extent)
    return located


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
    result, *others = (part.with_dim(dim, ()) for part in parts)
    for other in others:
        result = broadcast(result, other)
    return result.with_dim(dim, plain(call.shape[dim]))


def stack(call: Call) -> Located:
    """Concatenate along a new dimension."""
    parts, dim = [call.located(part) for part in call["tensors"]], call["dim"]
    result = parts[0]
    for other in parts[1:]:
        result = broadcast(result, other)
    dims = list(result.dims)
    dims.insert(dim % len(call.shape), plain(call.shape[dim]))
    return replace(result, dims=tuple(dims))


def reduce(call: Call) -> list[Located]:
    """Combine the cells along some dimensions, or all, into one."""
    located, dims = call.first, call.arguments.get("dim")
    dims = range(len(located.dims)) if dims in (None, []) else dims
    for dim in [dims] if isinstance(dims, int) else dims:
        located = located.contracted(dim, 1)
    return [located.reshaped(shape) for shape in call.shapes]


def normalise_along(call: Call) -> Located:
    """Softmax, layer norm: each value depends on all others along some dimensions."""
    count = len(call.arguments.get("normalized_shape", ()))
    dims = range(-count, 0) if count else [call["dim"]]
    spatial = any(is_spatial(call.first.dims[dim]) for dim in dims)
    return replace(call.first, everything=call.first.everything or spatial)


def normalise_maps(call: Call) -> Located:
    """Group and instance norm: each value depends on its whole map."""
    return replace(call.first, everything=True)


def linear(call: Call) -> Located:
    """Combine the last dimension with weights."""
    return call.first.contracted(-1, call.shape[-1])


def matmul(call: Call) -> Located:
    """Multiply matrices; combining cells at different positions is attention."""
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
    return replace(frame, everything=frame.everything or attends, mixed=frame.mixed or attends)


def attention(call: Call) -> Located:
    """Every query gathers from all keys; the result stands where the query stood."""
    query = call.first
    located = query.with_dim(-1, plain(call.shape[-1]))
    return replace(located, everything=True, mixed=True)


def upsample(taps: int) -> Rule:
    """Return the rule of an interpolation by a whole factor with ``taps`` taps a pixel, unaligned corners."""

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


def adaptive_pool(call: Call) -> Located:
    """Pool to a size: to a single cell, or to what there is already."""
    located, before = call.first, call["self"].shape
    for dim in range(-len(call["output_size"]), 0):
        if call.shape[dim] == 1:
            located = located.contracted(dim, 1)
        elif call.shape[dim] != before[dim]:
            raise Untraceable
    return located


def pixel_unshuffle(call: Call) -> Located:
    """Move phases to channels."""
    factor, (channels, height, width) = call["downscale_factor"], call.shape[-3:]
    batch = call.shape[:-3]
    phases = (*batch, channels // factor**2, height, factor, width, factor)
    start = len(batch)
    order = [*range(start), *(start + i for i in (0, 2, 4, 1, 3))]
    return call.first.reshaped(phases).permuted(order).reshaped(call.shape)


def roll(call: Call) -> Located:
    """Shift cyclically; what wraps around is taken for what it will be when rolled back."""
    located = call.first
    for dim, cells in zip(call["dims"], call["shifts"], strict=True):
        located = located.moved(dim, call.shape[dim], located.along(dim).shifted(-cells))
    return located


def _named(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


OPERATIONS: Mapping[str, Rule] = {
    **_named(
        keep,
        "alias alpha_dropout batch_norm clone contiguous cudnn_batch_norm detach dropout dropout_ "
        "feature_dropout hardswish hardswish_ lift_fresh native_batch_norm native_dropout to _to_copy "
        "_native_batch_norm_legit_no_training",
    ),
    **_named(elementwise, "prelu"),
    **_named(
        view,
        "flatten reshape reshape_as squeeze squeeze_ unflatten unsqueeze unsqueeze_ view view_as "
        "_reshape_alias _unsafe_view",
    ),
    **_named(expand, "expand expand_as"),
    **_named(permute, "permute"),
    **_named(transpose, "transpose swapaxes swapdims t"),
    **_named(
        convolution,
        "convolution conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    ),
    **_named(
        pool,
        "avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d max_pool2d_with_indices "
        "max_pool3d_with_indices",
    ),
    **_named(
        pad,
        "constant_pad_nd pad reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
    ),
    **_named(slice_, "slice"),
    **_named(take, "chunk select split split_with_sizes tensor_split unbind"),
    **_named(cat, "cat concat"),
    **_named(stack, "stack"),
    **_named(
        reduce,
        "amax amin linalg_vector_norm logsumexp max mean min norm prod std std_mean sum var var_mean",
    ),
    **_named(
        normalise_along, "layer_norm log_softmax native_layer_norm softmax _log_softmax _softmax"
    ),
    **_named(normalise_maps, "group_norm instance_norm native_group_norm"),
    **_named(linear, "linear"),
    **_named(matmul, "bmm matmul mm"),
    **_named(attention, "scaled_dot_product_attention"),
    **_named(upsample(1), "upsample_nearest2d _upsample_nearest_exact2d"),
    **_named(upsample(2), "upsample_bilinear2d"),
    **_named(upsample(4), "upsample_bicubic2d"),
    **_named(adaptive_pool, "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d"),
    **_named(pixel_unshuffle, "pixel_unshuffle"),
    **_named(roll, "roll"),
}
"""Rules by the operation's name, whichever its overload."""
