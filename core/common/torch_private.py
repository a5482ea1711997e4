"""The private names of PyTorch that Pluxel uses, each with a fallback for releases without it.

No other file uses a private name of PyTorch, so a release that moves one affects this file only.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...registry import PluxelError


class UnseenOperations:
    """Replaces torch's dispatch mode if a release lacks it; operations run unobserved.

    Without observing operations, Pluxel probes the geometry of a network by gradients instead of
    computing it, and refuses to dilate a network.
    """

    def __enter__(self) -> None:
        """Watch nothing."""

    def __exit__(self, *_: object) -> None:
        """Watch nothing."""


def _dispatch_mode() -> type:
    # PyTorch documents the mode but keeps it in a private module. Its handlers need the schema of
    # an operation, which has no public name either.
    if not hasattr(torch.ops.aten.add.Tensor, "_schema"):
        return UnseenOperations
    try:
        from torch.utils._python_dispatch import TorchDispatchMode  # noqa: PLC0415 - may be missing
    except ImportError:
        return UnseenOperations
    return TorchDispatchMode


if TYPE_CHECKING:
    from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
else:
    DispatchMode = _dispatch_mode()
"""A context whose ``__torch_dispatch__`` receives every operation."""


def schema_of(operation: Any) -> Any:
    """Return the schema of an operation that `DispatchMode` received.

    Pluxel reads its ``arguments``, ``returns`` and ``is_mutable``.
    """
    return operation._schema


def version_of(tensor: Tensor) -> int | None:
    """Return the number of changes to the values of a tensor, or None if torch does not count them.

    Tensors that share their values share the count. Torch does not see what NumPy writes.
    """
    try:
        return tensor._version
    except (AttributeError, RuntimeError):  # tensors of inference mode have no count
        return None


def is_fake(tensor: Tensor) -> bool:
    """Return whether a CPU tensor has no values, as happens while PyTorch traces a program.

    If torch lacks the class of such tensors, every subclass of Tensor counts as fake, so that its
    values are never read.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensor  # noqa: PLC0415 - torch has it loaded
    except ImportError:
        return type(tensor) not in (Tensor, nn.Parameter)
    return isinstance(tensor, FakeTensor)


_ASSERTING = ("cpu", "cuda", "meta")
"""Devices on which PyTorch can check an assertion without making the host wait."""


def assert_on_device(condition: Tensor, error: PluxelError) -> None:
    """Require a scalar ``condition``, without waiting for the device if PyTorch supports that.

    Raises: ``error`` if the host waits for the device; otherwise, the device fails later with the
    message of ``error``.
    """
    assertion = getattr(torch, "_assert_async", None)
    if assertion is not None and condition.device.type in _ASSERTING:
        assertion(condition, str(error))
    elif not condition.item():
        raise error


def has_bfloat16_instructions() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware; False if unknown."""
    if hasattr(torch.cpu, "get_capabilities"):  # the public name in newer releases
        return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())


def has_forward_hooks(module: nn.Module) -> bool:
    """Return whether a module has hooks around ``forward``; True if that cannot be determined."""
    names = ("_forward_hooks", "_forward_pre_hooks")
    return any(bool(getattr(module, name, True)) for name in names)


def fake_tensors() -> AbstractContextManager[Any]:
    """Return a context in which new tensors have no values, so their device need not exist.

    Other tensors that take part in an operation lose their values there, but keep their device.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: PLC0415 - torch has it loaded

    return FakeTensorMode(allow_non_fake_inputs=True)


def needs_values(error: Exception) -> bool:
    """Return whether an operation failed because fake tensors have no values to decide by."""
    from torch._subclasses import fake_tensor  # noqa: PLC0415 - torch has it loaded

    names = ("DataDependentOutputException", "DynamicOutputShapeException")
    return isinstance(error, tuple(getattr(fake_tensor, name) for name in names))


def fake_devices() -> list[str]:
    """Return the devices of fake tensors: an old PyTorch needs a driver to slice those on CUDA."""
    try:
        with fake_tensors():
            torch.zeros(2, device="cuda")[:1]
    except RuntimeError:
        return ["cpu"]
    return ["cuda", "cpu"]
