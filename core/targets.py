"""Which label values a loss or a metric takes, and what it says of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from ..registry import PluxelError

_SHOWN = 8


class TargetError(PluxelError):
    """Labels or predicted classes outside the range that the label space gives them."""


def check_target(target: Tensor, num_classes: int, ignore_index: int) -> None:
    """Refuse a label that is neither a class (0 … ``num_classes`` − 1) nor ``ignore_index``.

    ``target``: any shape, any integer type. Where reading the values would make the host wait for
    the device, the device asserts; elsewhere the error names the values.

    Raises: TargetError.
    """
    if not is_readable(target):
        stray = _stray(target, num_classes) & (target != ignore_index)
        _assert_on_device(
            ~stray.any(),
            f"a label is neither a class (0–{num_classes - 1}) nor the ignore index {ignore_index}",
        )
    elif not within(target, num_classes):
        stray = target[_stray(target, num_classes) & (target != ignore_index)]
        if len(stray):
            raise TargetError(
                f"{_listed('label', stray)} neither a class (0–{num_classes - 1}) "
                f"nor the ignore index {ignore_index}: {_pixels(stray)}"
            )


def check_prediction(prediction: Tensor, num_classes: int) -> None:
    """Refuse a predicted class outside 0 … ``num_classes`` − 1, like ``check_target``."""
    if not is_readable(prediction):
        stray = _stray(prediction, num_classes)
        _assert_on_device(~stray.any(), f"a predicted class is not a class (0–{num_classes - 1})")
    elif not within(prediction, num_classes):
        stray = prediction[_stray(prediction, num_classes)]
        raise TargetError(
            f"{_listed('predicted class', stray)} not a class (0–{num_classes - 1}): "
            f"{_pixels(stray)}"
        )


def is_readable(tensor: Tensor) -> bool:
    """Whether Python may look at the values at no cost: real ones, and not in a CUDA stream."""
    from torch._subclasses.fake_tensor import FakeTensor  # noqa: PLC0415 - torch has it loaded

    return not (
        tensor.is_cuda
        or tensor.is_meta
        or isinstance(tensor, FakeTensor)
        or torch.compiler.is_compiling()
    )


def within(values: Tensor, limit: int) -> bool:
    """Whether all of ``values`` (readable) lie in 0 … ``limit`` − 1."""
    if not values.numel():
        return True
    low, high = torch.aminmax(values)
    return low.item() >= 0 and high.item() < limit


def _assert_on_device(condition: Tensor, message: str) -> None:
    torch._assert_async(condition, message)  # pyright: ignore[reportPrivateImportUsage] - no other


def _stray(values: Tensor, num_classes: int) -> Tensor:
    return (values < 0) | (values >= num_classes)


def _listed(noun: str, stray: Tensor) -> str:
    values = [str(value) for value in stray.unique().tolist()]
    shown = ", ".join(values[:_SHOWN]) + (" …" if len(values) > _SHOWN else "")
    plural = "es" if noun.endswith("s") else "s"
    return f"{noun} {shown} is" if len(values) == 1 else f"{noun}{plural} {shown} are"


def _pixels(stray: Tensor) -> str:
    return "1 pixel" if stray.numel() == 1 else f"{stray.numel()} pixels"
