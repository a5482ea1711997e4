"""Check the label values that losses and metrics receive."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.text import plural
from ..common.torch_private import assert_on_device, is_fake

_SHOWN = 8


class TargetError(PluxelError):
    """Labels or predicted classes outside the range of the label space."""


def check_target(target: Tensor, num_classes: int, ignore_index: int) -> None:
    """Raise TargetError for a label that is neither a class nor ``ignore_index``.

    Classes are 0 … ``num_classes`` − 1. ``target``: any shape, any integer type. On a CPU the error
    names the values. On a CUDA device, an assertion fails, because the host does not wait for the
    result; the device is then unusable in this process, so check labels before moving them.
    """
    problem = f"neither a class (0–{num_classes - 1}) nor the ignore index {ignore_index}"
    _check(target, num_classes, "label", problem, ignore_index)


def check_prediction(prediction: Tensor, num_classes: int) -> None:
    """Raise TargetError for a predicted class outside 0 … ``num_classes`` − 1.

    On a CUDA device, an assertion fails instead, as in ``check_target``.
    """
    _check(prediction, num_classes, "predicted class", f"not a class (0–{num_classes - 1})")


def is_readable(tensor: Tensor) -> bool:
    """Return whether Python can read the values cheaply: real values in CPU memory."""
    return not (tensor.device.type != "cpu" or is_fake(tensor) or torch.compiler.is_compiling())


def within(values: Tensor, limit: int) -> bool:
    """Return whether all values are in 0 … ``limit`` − 1; ``values`` must be readable."""
    if not values.numel():
        return True
    low, high = torch.aminmax(values)
    return low.item() >= 0 and high.item() < limit


def _check(
    values: Tensor, num_classes: int, noun: str, problem: str, ignore_index: int | None = None
) -> None:
    readable = is_readable(values)
    if readable and within(values, num_classes):
        return
    if ignore_index is not None:
        values = values.masked_fill(values == ignore_index, 0)
    if not readable:
        stray = _stray(values, num_classes)
        assert_on_device(~stray.any(), TargetError(f"a {noun} is {problem}"))
    elif not within(values, num_classes):
        stray = values[_stray(values, num_classes)]
        raise TargetError(f"{_listed(noun, stray)} {problem}: {_pixels(stray)}")


def _stray(values: Tensor, num_classes: int) -> Tensor:
    return (values < 0) | (values >= num_classes)


def _listed(noun: str, stray: Tensor) -> str:
    values = [str(value) for value in stray.unique().tolist()]
    shown = ", ".join(values[:_SHOWN]) + (" …" if len(values) > _SHOWN else "")
    plural = "es" if noun.endswith("s") else "s"
    return f"{noun} {shown} is" if len(values) == 1 else f"{noun}{plural} {shown} are"


def _pixels(stray: Tensor) -> str:
    return plural(stray.numel(), "pixel")
