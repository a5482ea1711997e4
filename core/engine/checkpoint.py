"""Checkpoints that resume training exactly, as tensors and JSON without pickle.

A checkpoint is one safetensors file, replaced atomically: tensors by name, and everything else as
JSON in its metadata. A tensor with several names (tied weights) is written once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from ...registry import PluxelError
from ..common.files import cannot_write, replacing
from ..model.weight_reading import (
    ALIASES,
    FORMAT_KEY,
    RUN_FORMAT,
    read_header,
    read_safetensors,
)

Tensors = dict[str, Tensor]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata (JSON values) to one safetensors file, atomically.

    Raises: PluxelError if writing fails; a previous file at ``path`` then stays unchanged.
    """
    flat, aliases = _each_once(tensors)
    named = {FORMAT_KEY: RUN_FORMAT.current} | ({ALIASES: aliases} if aliases else {})
    header = {name: json.dumps(value) for name, value in {**metadata, **named}.items()}
    with replacing(path) as unfinished:
        unfinished.touch()
        mode = unfinished.stat().st_mode  # from the umask, which safetensors ignores
        try:
            save_file(flat, unfinished, header)
            unfinished.chmod(mode)
        except SafetensorError as error:
            raise cannot_write(path, str(error)) from error


def _each_once(tensors: Mapping[str, Tensor]) -> tuple[Tensors, dict[str, str]]:
    """Return each tensor once under its first name, and a mapping of further names to that name."""
    flat: Tensors = {}
    aliases: dict[str, str] = {}
    names: dict[tuple[object, ...], str] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        identity = tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device
        if (first := names.setdefault(identity, name)) != name:
            aliases[name] = first
            continue
        plain = tensor.detach().contiguous().cpu()
        if (storage := plain.untyped_storage().data_ptr()) in storages:
            plain = plain.clone()  # safetensors rejects tensors that share memory
        storages.add(storage)
        flat[name] = plain
    return flat, aliases


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the metadata that ``write_tensors`` wrote.

    Raises: PluxelError if the file is missing, truncated or in another format.
    """
    tensors, header = read_safetensors(path)
    return tensors, _parsed(header, path)


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of `read_tensors`, without reading the tensors."""
    return _parsed(read_header(path), path)


def _parsed(header: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        own = (ALIASES, FORMAT_KEY)
        return {name: json.loads(value) for name, value in header.items() if name not in own}
    except json.JSONDecodeError as error:
        raise PluxelError(f"{path} was not written by pluxel: {error}") from error


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return the tensors under ``prefix/name``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return the tensors that ``with_prefix`` put under ``prefix``, with their original names."""
    start = f"{prefix}/"
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def flatten_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module
) -> tuple[Tensors, dict[str, Any]]:
    """Split an optimizer's state into tensors and plain values, by ``parameter name/key``."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    tensors: Tensors = {}
    plain: dict[str, Any] = {}
    for index, name in enumerate(_parameter_names(optimizer, model)):
        for key, value in state.get(index, {}).items():
            target = tensors if isinstance(value, Tensor) else plain
            target[f"{name}/{key}"] = value
    return tensors, plain


def restore_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Tensors, plain: Mapping[str, Any]
) -> list[str]:
    """Load the state that ``flatten_optimizer`` split; keep the optimizer's parameter groups.

    Returns the names of parameters without a stored state, which start with a new one.
    """
    stored: dict[str, dict[str, Any]] = {}
    for path, value in {**tensors, **plain}.items():
        name, _, key = path.rpartition("/")
        stored.setdefault(name, {})[key] = value
    names = _parameter_names(optimizer, model)
    state = {index: stored[name] for index, name in enumerate(names) if name in stored}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return [name for name in names if name not in stored]


def _parameter_names(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """Return the names of an optimizer's parameters, in the order of its state."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]
