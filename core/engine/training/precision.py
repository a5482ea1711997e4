"""Which number format a training computes in."""

from __future__ import annotations

from typing import Literal

import torch

from ...common.torch_private import has_bfloat16_instructions
from ...contracts.options import Precision

MixedPrecision = Literal["no", "bf16", "fp16"]


def bf16_is_real(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 in hardware, rather than by way of float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return has_bfloat16_instructions()
    return False


def mixed_precision(precision: Precision, device: torch.device) -> MixedPrecision:
    """Return accelerate's name for the format; ``auto`` is bfloat16 where it is real."""
    if precision == "auto":
        return "bf16" if bf16_is_real(device) else "no"
    return "no" if precision == "fp32" else precision
