"""Devices by their names."""

from __future__ import annotations

import torch

from ...registry import PluxelError


def find_device(name: str) -> torch.device:
    """Return a device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises: PluxelError if there is no such device here.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise PluxelError(f"device '{name}' is not to be had here: {reason}") from error
