"""Find a device by its name."""

from __future__ import annotations

import torch

from ...registry import PluxelError


def find_device(name: str) -> torch.device:
    """Return the device with a name such as ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises: PluxelError if this machine does not have it.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise PluxelError(f"device '{name}' is not available on this machine: {reason}") from error


def choose_device(name: str) -> torch.device:
    """Return the device with a name; ``auto`` is the accelerator if there is one, else the CPU.

    Raises: PluxelError if this machine does not have it.
    """
    if name != "auto":
        return find_device(name)
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
