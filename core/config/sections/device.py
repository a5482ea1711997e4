"""The name of a device, as a configuration gives it."""

from __future__ import annotations

import re
from typing import Annotated

import torch
from pydantic import AfterValidator, Field

from ..messages.faults import fault
from ..tree.problems import suggestion

_DEVICES = ("auto", "cpu", "cuda", "cuda:1", "mps", "xpu")
"""Those that most people have; torch may know more."""


def _known(device: str) -> str:
    if not _torch_knows(device):
        near = suggestion(re.sub("^gpu", "cuda", device), _DEVICES)
        hint = near or f": it is one of {', '.join(_DEVICES)}"
        raise fault(f"unknown device '{device}'{hint}", at="value")
    return device


def _torch_knows(device: str) -> bool:
    """Tell whether this names a device, be it here or not; ``meta`` computes nothing."""
    try:
        return device == "auto" or torch.device(device).type != "meta"
    except RuntimeError:
        return False


Device = Annotated[str, Field(min_length=1), AfterValidator(_known)]
"""A device that torch knows, or ``auto``."""
