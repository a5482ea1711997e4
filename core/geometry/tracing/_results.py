"""Results of operations on tensors without data, computed once for each kind of operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...common.torch_private import DispatchMode, schema_of
from ._replica import type_of
from ._trees import as_maps, tensors_of

NORMS = frozenset(("batch_norm", "group_norm", "instance_norm", "layer_norm"))
"""Operations that keep shapes; on meta tensors they take longer than the rest of a network."""

_SLOW = frozenset(
    (
        "adaptive_avg_pool2d",
        "avg_pool2d",
        "bmm",
        "cat",
        "conv2d",
        "linear",
        "matmul",
        "max_pool2d",
        "mean",
    )
)
"""Further operations that return a new tensor, whose shape depends on those of the operands."""


_Layout = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Shape, strides and type of a tensor."""


class Results:
    """Runs operations; on the meta device, each kind of operands once.

    There, a result has nothing but a shape, strides and a type, which follow from those of the
    operands. PyTorch computes them slowly, in Python.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[object, ...], _Layout | None] = {}
        self._repeats: dict[Any, bool] = {}

    def of(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return ``func(*args, **kwargs)``, or an equivalent tensor without data."""
        repeats = self._repeats.get(func)
        if repeats is None:
            repeats = self._repeats[func] = _repeats(func)
        first = next(iter(tensors_of(args)), None)
        if not repeats or first is None or not first.is_meta:
            return func(*args, **kwargs)
        key = (func, _key(args), _key(tuple(kwargs.items())))
        if key not in self._layouts:
            is_norm = func.overloadpacket.__name__ in NORMS
            result = torch.empty_like(first) if is_norm else func(*args, **kwargs)
            self._layouts[key] = None if result is first else _layout(result)
            return result
        layout = self._layouts[key]
        return first if layout is None else _empty(layout)


def shapes_of(
    module: nn.Module, image_shape: Sequence[int], results: Results
) -> list[tuple[int, ...]]:
    """Return the shapes of a module's maps for an image (N, C, H, W), on the meta device.

    Raises: any error that the module raises for this size.
    """
    with torch.inference_mode(), torch.device("meta"), Reusing(results):
        maps = as_maps(module(torch.zeros(*image_shape, dtype=type_of(module))))
    return [tuple(one.shape) for one in maps]


class Reusing(DispatchMode):
    """Runs the operations in this context by ``results``."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self._results = results

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._results.of(func, args, kwargs or {})


def _repeats(func: Any) -> bool:
    """Return whether an operation makes one new tensor, or changes its first operand in place."""
    schema, name = schema_of(func), func.overloadpacket.__name__
    aliases = [one.alias_info for one in (*schema.arguments[1:], *schema.returns)]
    if schema.is_mutable:
        return aliases[:-1].count(None) == len(aliases) - 1 and torch.Tag.pointwise in func.tags
    if len(schema.returns) != 1 or any(aliases):
        return False
    return name in NORMS or name in _SLOW or torch.Tag.pointwise in func.tags


def _key(value: Any) -> object:
    """Return what the shape of a result depends on."""
    if isinstance(value, Tensor):
        return (*_layout(value), value.device)
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    return (type(value), value)


def _layout(tensor: Tensor) -> _Layout:
    return tuple(tensor.shape), tensor.stride(), tensor.dtype


def _empty(layout: _Layout) -> Tensor:
    shape, strides, dtype = layout
    return torch.empty_strided(shape, strides, dtype=dtype, device="meta")
