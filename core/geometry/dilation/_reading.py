"""Read windows that slide over maps from the layers and calls of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..tracing import leaves
from ._sliding import ONE, Ints, Sliding, times


def read(node: fx.Node, module: nn.Module | None, kernel: Sequence[int] | None) -> Sliding | None:
    """Return the window of a node, or None if it is not a convolution, a pool or a padding.

    ``module``: the module that the node calls, if any. ``kernel``: height and width of a
    convolution's weights.

    Raises: ValueError if the arguments depend on the image, or the padding mode is not supported.
    """
    if node.op == "call_function":
        arguments = _named(node.target, node.args, node.kwargs)
    else:
        arguments = _of_module(module)
    return None if arguments is None else _sliding(arguments, kernel)


def read_call(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sliding, Mapping[str, Any]] | None:
    """Return the window of a function call, and its arguments by name.

    Return None if the function is not a convolution, a pool or a padding with a constant.
    """
    if (arguments := _named(function, args, kwargs)) is None:
        return None
    weight = arguments.get("weight")
    try:
        return _sliding(arguments, None if weight is None else weight.shape[2:]), arguments
    except ValueError:
        return None


def is_window(function: Any) -> bool:
    """Return whether a function is a convolution, a pool or a padding."""
    return function in DEFAULTS


def _sliding(arguments: Mapping[str, Any], kernel: Sequence[int] | None) -> Sliding:
    numbers = {name: value for name, value in arguments.items() if name not in TENSORS}
    if any(isinstance(leaf, fx.Node) for leaf in leaves(numbers)):
        raise ValueError("its arguments depend on the image")
    if arguments.get("padding_mode", "zeros") != "zeros":
        raise ValueError(f"it pads with mode {arguments['padding_mode']!r}")
    if "mode" in arguments:
        return _padding(arguments)
    if "kernel_size" in arguments:
        return _pool(arguments)
    assert kernel is not None
    size, dilation = _two(kernel), _two(arguments["dilation"])
    before = after = (0, 0)
    if arguments["padding"] == "same":
        reach = times(dilation, (size[0] - 1, size[1] - 1))
        before = (reach[0] // 2, reach[1] // 2)
        after = (reach[0] - before[0], reach[1] - before[1])
    elif arguments["padding"] != "valid":
        before = after = _two(arguments["padding"])
    stride = _two(arguments["stride"])
    groups = arguments["groups"]
    return Sliding("convolution", size, stride, before, after, dilation, groups=groups)


TENSORS = {"input", "weight", "bias"}


def _pool(arguments: Mapping[str, Any]) -> Sliding:
    kernel = _two(arguments["kernel_size"])
    stride = _two(arguments["stride"] or kernel)
    padding = _two(arguments["padding"])
    dilation = _two(arguments.get("dilation", 1))
    overhang = (0, 0)
    if arguments["ceil_mode"]:
        # PyTorch drops the last window if it would start in the padding on the right.
        vertical, horizontal = (
            max(0, min(stride[a] - 1, dilation[a] * (kernel[a] - 1) - padding[a])) for a in (0, 1)
        )
        overhang = (vertical, horizontal)
    if "count_include_pad" not in arguments:
        return Sliding("maximum", kernel, stride, padding, padding, dilation, overhang)
    return Sliding(
        "average",
        kernel,
        stride,
        padding,
        padding,
        overhang=overhang,
        counts_padding=arguments["count_include_pad"],
        divisor=arguments["divisor_override"],
    )


def _padding(arguments: Mapping[str, Any]) -> Sliding:
    if arguments["mode"] != "constant":
        raise ValueError(f"it pads with mode {arguments['mode']!r}")
    amounts = (*arguments["pad"], 0, 0)  # the last dimension comes first and may be the only one
    left, right, top, bottom = amounts[:4]
    if any(amounts[4:]):
        raise ValueError("it pads channels")
    value = arguments["value"] or 0.0
    return Sliding("padding", ONE, ONE, (top, left), (bottom, right), value=value)


def _named(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of a function call by PyTorch's names, or None for other functions."""
    if (defaults := DEFAULTS.get(function)) is None:
        return None
    return {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}


def _of_module(module: nn.Module | None) -> dict[str, Any] | None:
    """Return the arguments with which a plain module calls its function, or None."""
    if isinstance(module, nn.ConstantPad2d) and _is_plain(module, nn.ConstantPad2d):
        return {"pad": module.padding, "mode": "constant", "value": module.value}
    for kind, function in MODULES.items():
        if _is_plain(module, kind):
            names = {*DEFAULTS[function], "padding_mode"} - TENSORS
            return {name: getattr(module, name) for name in names if hasattr(module, name)}
    return None


def _is_plain(module: nn.Module | None, kind: type[nn.Module]) -> bool:
    """Return whether a module behaves as its class, which a subclass may change."""
    if not isinstance(module, kind) or type(module).forward is not kind.forward:
        return False
    return "forward" not in vars(module)  # replaced on this instance


MODULES: Mapping[type[nn.Module], Any] = {
    nn.Conv2d: functional.conv2d,
    nn.MaxPool2d: functional.max_pool2d,
    nn.AvgPool2d: functional.avg_pool2d,
}
"""Classes of modules, and the functions whose arguments are their attributes."""

FUNCTIONS: Sequence[tuple[set[Any], Mapping[str, Any]]] = (
    (
        {functional.conv2d, torch.conv2d},
        {
            "input": None,
            "weight": None,
            "bias": None,
            "stride": 1,
            "padding": 0,
            "dilation": 1,
            "groups": 1,
        },
    ),
    (
        {functional.max_pool2d, torch.max_pool2d},
        {
            "input": None,
            "kernel_size": None,
            "stride": None,
            "padding": 0,
            "dilation": 1,
            "ceil_mode": False,
            "return_indices": False,
        },
    ),
    (
        {functional.avg_pool2d},
        {
            "input": None,
            "kernel_size": None,
            "stride": None,
            "padding": 0,
            "ceil_mode": False,
            "count_include_pad": True,
            "divisor_override": None,
        },
    ),
    ({functional.pad}, {"input": None, "pad": None, "mode": "constant", "value": None}),
    ({torch.constant_pad_nd}, {"input": None, "pad": None, "value": None, "mode": "constant"}),
)
"""Equivalent functions, and their arguments in order with defaults."""

DEFAULTS: Mapping[Any, Mapping[str, Any]] = {
    function: defaults for functions, defaults in FUNCTIONS for function in functions
}


def _two(value: int | Sequence[int]) -> Ints:
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


class Recorder(TorchFunctionMode):
    """Records the windows that are called.

    ``compiles``: whether torch.compile lets a mode see all of them; it hides ``functional.pad``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Sliding] = []
        self.compiles = True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (call := read_call(func, args, kwargs or {})) is not None:
            self.windows.append(call[0])
            self.compiles &= func is not functional.pad
        return func(*args, **(kwargs or {}))
