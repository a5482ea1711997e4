"""Read weights from files without running code."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...registry import PluxelError
from ..common.files import MissingFile, require_file
from ..contracts.normalization import Normalization

StateDict = dict[str, Tensor]

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in their checkpoints."""

PREFIXES = ("module.",)
"""Prefixes that DataParallel adds to every name."""

INFIXES = ("_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.")
"""Parts of names that torch.compile and other wrappers add, also to names of inner modules."""

_LFS = b"version https://git-lfs"
"""Start of the text that Git LFS leaves in place of a file."""

ALIASES = "aliases"
"""Key in the metadata of a safetensors file: JSON, name of a tied tensor -> its stored name."""


def read_state_dict(path: Path, device: Literal["cpu", "meta"] = "cpu") -> StateDict:
    """Read a state dict from a safetensors file, or from a ``torch.save`` file that has no code.

    Unwrap checkpoints that nest the weights, and remove the prefixes of wrapped models. On the
    device ``meta``, only names and shapes are read.

    Raises: PluxelError for a file that is missing, damaged, or holds anything but tensors.
    """
    return read_checkpoint(path, device)[0]


def read_checkpoint(
    path: Path, device: Literal["cpu", "meta"] = "cpu"
) -> tuple[StateDict, dict[str, str]]:
    """Return the weights of a file, and the texts beside them in a checkpoint, by key.

    Raises: the same errors as `read_state_dict`.
    """
    require_file(path)
    texts: dict[str, str] = {}
    if _is_safetensors(path):
        content = read_safetensors(path, device)[0]
    else:
        whole = _read_pickle(path, device)
        if isinstance(whole, Mapping):
            texts = {k: v for k, v in whole.items() if isinstance(k, str) and isinstance(v, str)}
        content = _unwrap(whole)
    if not isinstance(content, Mapping) or not content:
        raise PluxelError(f"{path}: expected a state dict, found {_describe(content)}")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise PluxelError(f"{path}: {name!r} must be a tensor, not {_describe(value)}")
    return _without_prefixes(content), texts


def read_safetensors(
    path: Path, device: Literal["cpu", "meta"] = "cpu"
) -> tuple[StateDict, dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file; tied tensors have all their names.

    Raises: PluxelError for a file that is missing, truncated or in another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            read = file.get_tensor if device == "cpu" else partial(_without_values, file)
            tensors = {name: read(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        aliases = json.loads(metadata.pop(ALIASES, "{}"))
        return tensors | {alias: tensors[name] for alias, name in aliases.items()}, metadata
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def _without_values(file: Any, name: str) -> Tensor:
    return torch.empty(file.get_slice(name).get_shape(), device="meta")


def read_header(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file.

    Raises: PluxelError for a file that is missing, truncated or in another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def read_normalization(path: Path) -> Normalization | None:
    """Return the normalization in a safetensors file's metadata (key ``normalization``), if any.

    Raises: PluxelError if the entry is invalid or the file is damaged.
    """
    if not _is_safetensors(path):
        return None
    text = read_header(path).get("normalization")
    try:
        return None if text is None else Normalization.model_validate_json(text)
    except ValidationError as error:
        raise PluxelError(f"{path}: invalid 'normalization' in the metadata: {error}") from error


def normalization_metadata(normalization: Normalization) -> dict[str, str]:
    """Return the metadata that ``read_normalization`` reads."""
    return {"normalization": json.dumps(normalization.model_dump())}


def _is_safetensors(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _read_pickle(path: Path, device: str) -> Any:
    try:
        with warnings.catch_warnings():  # versions of a format that is rejected below
            warnings.simplefilter("ignore")
            with torch.serialization.safe_globals(_numpy_scalars()):
                return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        is_pickle = _begins_with(path, b"\x80", b"PK")  # the second is torch's archive of one
        if "Unsupported" not in str(error) or not is_pickle:
            raise _damaged(path, error) from error
        raise PluxelError(
            f"{path}: not read, because it holds Python objects, which could run code",
            ["if you trust it, save only the weights: torch.save(model.state_dict(), FILE)"],
        ) from error
    except Exception as error:  # a damaged file may raise anything
        raise _damaged(path, error) from error


def _numpy_scalars() -> list[Any]:
    """Return what numbers of NumPy need, which scripts often save beside the weights.

    They hold bytes and no code. NumPy 1 and 2 write different names.
    """
    scalar = type(np.float64(0)).__reduce__(np.float64(0))[0]
    names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    kinds = [type(np.dtype(kind)) for kind in (*"?bBhHiIlLqQefd",)]
    return [*names, np.dtype, *kinds]


def _begins_with(path: Path, *beginnings: bytes) -> bool:
    """Return whether a file, if it can be read, begins with one of these bytes."""
    try:
        with path.open("rb") as file:
            return file.read(max(map(len, beginnings))).startswith(beginnings)
    except OSError:
        return False


def _damaged(path: Path, error: Exception) -> PluxelError:
    if isinstance(error, FileNotFoundError):
        return MissingFile(f"{path}: no such file")
    if _begins_with(path, _LFS):
        return PluxelError(
            f"{path} is a pointer of Git LFS, not the weights", ["fetch them with git lfs pull"]
        )
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    if "weights_only" in reason:  # torch's advice would run code in the file
        reason = "it is neither a safetensors file nor one of torch.save"
    return PluxelError(f"{path}: cannot read weights; the file may be truncated", [reason])


def _unwrap(content: Any) -> Any:
    if isinstance(content, Mapping):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                return _unwrap(content[wrapper])
        states = [value for value in content.values() if _is_state(value)]
        if len(states) == 1 and not any(isinstance(v, Tensor) for v in content.values()):
            return states[0]
    return content


def _is_state(value: Any) -> bool:
    is_filled = isinstance(value, Mapping) and len(value) > 0
    return is_filled and all(isinstance(v, Tensor) for v in value.values())


def _without_prefixes(state: Mapping[str, Tensor]) -> StateDict:
    """Return the tensors without the parts of their names that wrappers add, in any order."""
    plain = dict(state)
    for infix in INFIXES:
        plain = {name.replace(infix, ""): value for name, value in plain.items()}
    for prefix in PREFIXES:
        while all(name.startswith(prefix) for name in plain):
            plain = {name.removeprefix(prefix): value for name, value in plain.items()}
    return plain


def _describe(value: object) -> str:
    if isinstance(value, Mapping):
        return "a dict with " + ", ".join([*map(str, value)][:3]) if value else "an empty dict"
    return f"{type(value).__name__} {value!r:.40}"
