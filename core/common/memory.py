"""Count the memory of the tensors that a function makes, also without data (meta tensors)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from .torch_private import DispatchMode


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the largest number of bytes of new tensors that exist at once, without gradients.

    Memory that an operation uses internally does not count.
    """
    with torch.inference_mode(), _LiveBytes() as counted:
        result = function()
    del result
    return counted.peak


def saved_bytes(function: Callable[[], object], given: Iterable[Tensor]) -> int:
    """Return the bytes that autograd keeps for the backward pass of a function's result.

    ``given``: tensors that exist anyway, such as weights, which do not count. Tensors that share
    memory count once.
    """
    kept = {id(tensor.untyped_storage()) for tensor in given}
    storages: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in kept:
            storages[id(storage)] = storage  # which also keeps its identity
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        function()
    return sum(storage.nbytes() for storage in storages.values())


class _LiveBytes(DispatchMode):
    """Counts the bytes of the storages that operations in this context make, until they go."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {id(tensor.untyped_storage()) for tensor in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if id(storage) not in before and id(storage) not in self._known:
                self._add(storage)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self._known.add(id(storage))
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, id(storage), size)

    def _remove(self, identity: int, size: int) -> None:
        self._known.discard(identity)
        self.live -= size


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from _tensors(branch)
    elif isinstance(tree, dict):
        yield from _tensors(tuple(tree.values()))
