"""The tensors in the arguments and results of operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor


def tensors_of(tree: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts."""
    tensors: list[Tensor] = []
    _collect(tree, tensors)
    return tensors


def _collect(tree: Any, tensors: list[Tensor]) -> None:
    """Collect without generators, because this runs several times for each operation."""
    if isinstance(tree, Tensor):
        tensors.append(tree)
    elif isinstance(tree, list | tuple):
        for branch in tree:
            _collect(branch, tensors)
    elif isinstance(tree, dict):
        for branch in tree.values():
            _collect(branch, tensors)


def as_maps(result: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """Return the result of a network as a list of maps."""
    return [result] if isinstance(result, Tensor) else list(result)


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the items of nested lists, tuples and dicts."""
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, list | tuple):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def storage_of(tensor: Tensor) -> int:
    """Return an identity of the memory of a tensor, which views share."""
    # PyTorch keeps the same Python object for a storage as long as the storage exists.
    return id(tensor.untyped_storage())
