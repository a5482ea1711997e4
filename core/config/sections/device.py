"""Device names in a configuration."""

from __future__ import annotations

import re
from typing import Annotated

import torch
from pydantic import AfterValidator, Field

from ..messages.faults import fault
from ..tree.problems import suggestion

_DEVICES = ("auto", "cpu", "cuda", "cuda:1", "mps", "xpu")
"""Common devices, for suggestions; torch may support more."""


def _check_device(device: str) -> str:
    if not _torch_knows(device):
        near = suggestion(re.sub("^gpu", "cuda", device), _DEVICES)
        hint = near or f": it is one of {', '.join(_DEVICES)}"
        raise fault(f"unknown device '{device}'{hint}", at="value")
    return device


def _torch_knows(device: str) -> bool:
    """Return whether torch has such a device type, available or not; ``meta`` does not count."""
    try:
        return device == "auto" or torch.device(device).type != "meta"
    except RuntimeError:
        return False


_TYPES = "cpu|cuda|ipu|xpu|mkldnn|opengl|opencl|ideep|hip|ve|fpga|maia|xla|lazy|vulkan|mps|hpu|mtia"
_PATTERN = f"^(auto|({_TYPES}|privateuseone)(:[0-9]+)?)$"
"""torch has no list of its types of device; a test compares this one."""

Device = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": _PATTERN}),
    AfterValidator(_check_device),
]
"""A device that torch supports, or ``auto``."""
