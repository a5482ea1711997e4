"""All that a training needs to go on as if it had never stopped: tensors and JSON, never pickle.

One safetensors file, replaced atomically: tensors by name, everything else as JSON in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...registry import PluxelError
from ..files import replacing

Tensors = dict[str, Tensor]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON-able metadata into one safetensors file, atomically.

    Raises: PluxelError if the disk refuses; what was at ``path`` before is then untouched.
    """
    flat = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    header = {name: json.dumps(value) for name, value in metadata.items()}
    with replacing(path) as unfinished:
        try:
            save_file(flat, unfinished, header)
        except SafetensorError as error:
            raise PluxelError(f"cannot write {path}: {error}") from error


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the metadata that ``write_tensors`` wrote.

    Raises: PluxelError if the file is missing, cut off or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise PluxelError(f"cannot read {path}: {error}") from error
    try:
        return tensors, {name: json.loads(value) for name, value in header.items()}
    except json.JSONDecodeError as error:
        raise PluxelError(f"{path} was not written by pluxel: {error}") from error


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return the tensors under ``prefix/name``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return those tensors that ``with_prefix`` put under ``prefix``, by their own names."""
    start = f"{prefix}/"
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[Tensors, dict[str, Any]]:
    """Split an optimiser's state into tensors (``index/key``) and plain values."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    tensors: Tensors = {}
    plain: dict[str, Any] = {}
    for index, values in state.items():
        for key, value in values.items():
            target = tensors if isinstance(value, Tensor) else plain
            target[f"{index}/{key}"] = value
    return tensors, plain


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Tensors, plain: Mapping[str, Any]
) -> None:
    """Undo ``flatten_optimizer``; the parameter groups stay those of the configuration."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **plain}.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
