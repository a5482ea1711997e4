"""The private names of PyTorch that Pluxel uses, and what happens where a release lacks them.

No other file uses one: a release that moves a private name breaks this file only, and each name
here has a public or a slower substitute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...registry import PluxelError


class UnseenOperations:
    """Stands in for torch's dispatch mode; operations run without being seen.

    What depends on seeing them does without: the geometry of a network is then probed by
    gradients instead of computed, and a dilated network is refused.
    """

    def __enter__(self) -> None:
        """Watch nothing."""

    def __exit__(self, *_: object) -> None:
        """Watch nothing."""


def _dispatch_mode() -> type:
    # PyTorch documents the mode, and keeps it in a private module. Its handlers need the schema of
    # an operation, which has no public spelling either.
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
"""A context whose ``__torch_dispatch__`` sees every operation."""


def schema_of(operation: Any) -> Any:
    """Return the schema of an operation that `DispatchMode` saw: ``arguments``, ``is_mutable``."""
    return operation._schema


def is_fake(tensor: Tensor) -> bool:
    """Return whether a tensor of the CPU has no values, as while PyTorch traces a program.

    Without torch's own class, every subclass of a tensor counts as one: its values are not read.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensor  # noqa: PLC0415 - torch has it loaded
    except ImportError:
        return type(tensor) not in (Tensor, nn.Parameter)
    return isinstance(tensor, FakeTensor)


_ASSERTING = ("cpu", "cuda", "meta")
"""Devices for which PyTorch has an assertion that the host does not wait for."""


def assert_on_device(condition: Tensor, error: PluxelError) -> None:
    """Require ``condition``, a scalar, without waiting for the device if PyTorch can do so.

    Raises: ``error`` if the host had to wait; else the device fails with its message.
    """
    assertion = getattr(torch, "_assert_async", None)
    if assertion is not None and condition.device.type in _ASSERTING:
        assertion(condition, str(error))
    elif not condition.item():
        raise error


def has_bfloat16_instructions() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware; False if unknown."""
    if hasattr(torch.cpu, "get_capabilities"):  # the public spelling of newer releases
        return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())


def has_forward_hooks(module: nn.Module) -> bool:
    """Return whether hooks run around a module's ``forward``; True if that cannot be found out."""
    names = ("_forward_hooks", "_forward_pre_hooks")
    return any(bool(getattr(module, name, True)) for name in names)
