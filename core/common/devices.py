"""Devices by name."""

from __future__ import annotations

import torch

from ...registry import PluxelError


def find_device(name: str) -> torch.device:
    """Return a device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises: PluxelError if this machine does not have it.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise PluxelError(f"device '{name}' is not available on this machine: {reason}") from error


def choose_device(name: str) -> torch.device:
    """Return a device by name; ``auto`` is the accelerator if there is one, else the CPU.

    Raises: PluxelError if this machine does not have it.
    """
    if name != "auto":
        return find_device(name)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")
