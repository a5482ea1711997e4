"""The tensors in the arguments and results of operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor


def tensors_of(tree: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Tensor)]


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
