"""Copies of a module without its weights, which run only for shapes and positions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def replica(module: nn.Module, fill: Callable[[Tensor], Tensor]) -> nn.Module:
    """Copy a module in evaluation mode; each tensor of the copy is ``fill`` of the original.

    The original is neither read nor changed; a forward pass of the copy leaves no trace in it.
    """
    memo: dict[int, object] = {}
    for tensor in _tensors(module):
        new = fill(tensor)
        if isinstance(tensor, nn.Parameter):
            new = nn.Parameter(new, requires_grad=new.is_floating_point())
        memo[id(tensor)] = new
    return copy.deepcopy(module, memo).eval()


def on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and type without data."""
    return torch.empty_like(tensor, device="meta")


def type_of(module: nn.Module) -> torch.dtype:
    """Return the type of images that a module takes, which is the type of its weights."""
    return next((p.dtype for p in module.parameters()), torch.float32)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Yield parameters, buffers, and tensors that are plain attributes."""
    for part in module.modules():
        yield from part.parameters(recurse=False)
        yield from part.buffers(recurse=False)
        yield from (value for value in vars(part).values() if isinstance(value, Tensor))
