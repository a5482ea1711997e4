"""Devices, processes and mixed precision, through accelerate."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from ...registry import PluxelError
from .precision import Precision, mixed_precision


def make_accelerator(device: str, precision: Precision = "fp32") -> Accelerator:
    """Return an accelerator on a device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises: PluxelError if there is no such device here.
    """
    # accelerate keeps its state per process and refuses a second one that differs; a script or
    # a notebook may well train twice.
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    _select(device)
    chosen = PartialState(cpu=device == "cpu").device or torch.device("cpu")
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed_precision(precision, chosen))


def choose_device(device: str) -> torch.device:
    """Return a device by its name; ``auto`` is the accelerator, where there is one.

    Raises: PluxelError if there is no such device here.
    """
    if device != "auto":
        _select(device)
        return torch.device(device)
    there = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return there or torch.device("cpu")


def _select(device: str) -> None:
    if device in ("auto", "cpu"):
        return
    try:
        wanted = torch.device(device)
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise PluxelError(f"device {device!r} is not to be had here: {reason}") from error
    if wanted.type == "cuda" and wanted.index is not None:
        torch.cuda.set_device(wanted)


def make_deterministic(seed: int, *, strict: bool) -> None:
    """Seed the fresh weights; ``strict`` refuses operations whose results vary between runs.

    With ``strict``, torch names the operation that it has no deterministic form of.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(strict)
    if strict:  # without it, cuBLAS is refused
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
