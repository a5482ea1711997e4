"""Devices, processes and mixed precision, through accelerate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import broadcast_object_list
from torch import distributed as dist
from torch import nn

from ...registry import PluxelError
from ..common.devices import find_device
from ..common.torch_private import has_bfloat16_instructions
from ..contracts.options import Precision

ModelT = TypeVar("ModelT", bound=nn.Module)
MixedPrecision = Literal["no", "bf16", "fp16"]


def make_accelerator(device: str, precision: Precision = "fp32") -> Accelerator:
    """Return an accelerator on a device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises: PluxelError if this machine does not have it.
    """
    # accelerate keeps its state per process and refuses a second one that differs; a script or
    # a notebook may well train twice.
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    if device not in ("auto", "cpu"):
        found = find_device(device)
        if found.type == "cuda" and torch.device(device).index is not None:
            torch.cuda.set_device(found)  # which is where accelerate looks
    chosen = PartialState(cpu=device == "cpu").device or torch.device("cpu")
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed_precision(precision, chosen))


def make_deterministic(seed: int, *, strict: bool) -> None:
    """Seed the fresh weights; ``strict`` refuses operations whose results vary between runs.

    With ``strict``, torch names the operation that it has no deterministic form of. Without, what
    a script has chosen itself stays.
    """
    torch.manual_seed(seed)
    if strict:
        torch.use_deterministic_algorithms(True)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS is refused


@contextmanager
def cudnn_benchmark(on: bool) -> Iterator[None]:
    """Have cuDNN time its algorithms for each new size, or not, while the block runs."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = on
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def on_main_process(accelerator: Accelerator, write: Callable[[], None]) -> None:
    """Call ``write`` in the main process; the others wait until it is done.

    Raises: in all processes, the PluxelError that it raised.
    """
    outcome: list[PluxelError | None] = [None]
    if accelerator.is_main_process:
        try:
            write()
        except PluxelError as error:
            outcome = [error]
    (error,) = broadcast_object_list(outcome)
    if error is not None:
        raise error


def with_fast_layout(model: ModelT, accelerator: Accelerator) -> ModelT:
    """Return the model with its weights in the memory order in which convolutions are fastest.

    In bfloat16, and on all GPUs, that is channels last; in float32 on CPUs it is a quarter slower.
    """
    if accelerator.mixed_precision == "no" and accelerator.device.type == "cpu":
        return model
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def share_buffers(model: nn.Module) -> None:
    """Give all processes the buffers of the first one.

    Each has averaged the statistics of norms over batches of its own.
    """
    if dist.is_available() and dist.is_initialized():
        for buffer in model.buffers():
            shared = buffer.contiguous()
            dist.broadcast(shared, 0)
            buffer.copy_(shared)


def bf16_is_real(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware, not by way of float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return has_bfloat16_instructions()
    return False


def mixed_precision(precision: Precision, device: torch.device) -> MixedPrecision:
    """Return accelerate's name for the format; ``auto`` is bfloat16 if the hardware has it."""
    if precision == "auto":
        return "bf16" if bf16_is_real(device) else "no"
    return "no" if precision == "fp32" else precision
