"""Which label values a loss or a metric takes, and what it says of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.torch_private import assert_on_device, is_fake

_SHOWN = 8


class TargetError(PluxelError):
    """Labels or predicted classes outside the range that the label space gives them."""


def check_target(target: Tensor, num_classes: int, ignore_index: int) -> None:
    """Refuse a label that is neither a class (0 … ``num_classes`` − 1) nor ``ignore_index``.

    ``target``: any shape, any integer type. On a CPU the error names the values. A CUDA device
    asserts, for the host does not wait for it, and can compute nothing more in this process:
    labels are better checked before they travel.

    Raises: TargetError.
    """
    if not is_readable(target):
        stray = _stray(target, num_classes) & (target != ignore_index)
        message = (
            f"a label is neither a class (0–{num_classes - 1}) nor the ignore index {ignore_index}"
        )
        assert_on_device(~stray.any(), TargetError(message))
    elif not within(target, num_classes):
        labeled = target.masked_fill(target == ignore_index, 0)
        if not within(labeled, num_classes):
            stray = labeled[_stray(labeled, num_classes)]
            raise TargetError(
                f"{_listed('label', stray)} neither a class (0–{num_classes - 1}) "
                f"nor the ignore index {ignore_index}: {_pixels(stray)}"
            )


def check_prediction(prediction: Tensor, num_classes: int) -> None:
    """Refuse a predicted class outside 0 … ``num_classes`` − 1, like ``check_target``."""
    if not is_readable(prediction):
        stray = _stray(prediction, num_classes)
        message = f"a predicted class is not a class (0–{num_classes - 1})"
        assert_on_device(~stray.any(), TargetError(message))
    elif not within(prediction, num_classes):
        stray = prediction[_stray(prediction, num_classes)]
        raise TargetError(
            f"{_listed('predicted class', stray)} not a class (0–{num_classes - 1}): "
            f"{_pixels(stray)}"
        )


def is_readable(tensor: Tensor) -> bool:
    """Whether Python may look at the values at no cost: real ones, in the host's own memory."""
    return not (tensor.device.type != "cpu" or is_fake(tensor) or torch.compiler.is_compiling())


def within(values: Tensor, limit: int) -> bool:
    """Whether all of ``values`` (readable) lie in 0 … ``limit`` − 1."""
    if not values.numel():
        return True
    low, high = torch.aminmax(values)
    return low.item() >= 0 and high.item() < limit


def _stray(values: Tensor, num_classes: int) -> Tensor:
    return (values < 0) | (values >= num_classes)


def _listed(noun: str, stray: Tensor) -> str:
    values = [str(value) for value in stray.unique().tolist()]
    shown = ", ".join(values[:_SHOWN]) + (" …" if len(values) > _SHOWN else "")
    plural = "es" if noun.endswith("s") else "s"
    return f"{noun} {shown} is" if len(values) == 1 else f"{noun}{plural} {shown} are"


def _pixels(stray: Tensor) -> str:
    return "1 pixel" if stray.numel() == 1 else f"{stray.numel()} pixels"
