"""Read weights from files without running code."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...registry import PluxelError
from ..common.contents import recognized
from ..common.files import MissingFile, require_file
from ..common.formats import FileFormat
from ..contracts.normalization import CAFFE_NORMALIZATION, Normalization
from .caffemodel import CAFFEMODEL, caffe_state, read_caffemodel

StateDict = dict[str, Tensor]

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in their checkpoints."""

PREFIXES = ("module.",)
"""Prefixes that DataParallel adds to every name."""

INFIXES = ("_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.")
"""Parts of names that torch.compile and other wrappers add, also to names of inner modules."""

_PICKLES = (b"\x80", b"PK")
"""Beginnings of the files of torch.save: a pickle, and torch's archive of one."""

RUN_FORMAT = FileFormat("run", 1)
"""Of the weights and checkpoints of runs. Files without a version are of others, or version 1."""

FORMAT_KEY = "pluxel_format"
"""Key of the version in the metadata of a safetensors file."""

ALIASES = "aliases"
"""Key in the metadata of a safetensors file: JSON, name of a tied tensor -> its stored name."""


def read_state_dict(path: Path) -> StateDict:
    """Read a state dict from a safetensors file, or from a ``torch.save`` file that has no code.

    Unwrap checkpoints that nest the weights, and remove the prefixes of wrapped models. The values
    are memory-mapped, except in the format that torch wrote before version 1.6. The names in a
    Caffe model are those of its layers: ``conv1_1.weight``, ``conv1_1.bias``.

    Raises: PluxelError for a file that is missing, damaged, or holds anything but tensors.
    """
    return read_checkpoint(path)[0]


def read_checkpoint(path: Path) -> tuple[StateDict, dict[str, str]]:
    """Return the weights of a file, and the texts beside them in a checkpoint, by key.

    Raises: the same errors as `read_state_dict`.
    """
    require_file(path)
    texts: dict[str, str] = {}
    if _is_safetensors(path):
        content = read_safetensors(path)[0]
    elif path.suffix == CAFFEMODEL:
        content = caffe_state(read_caffemodel(path))
    else:
        whole = _read_pickle(path)
        if isinstance(whole, Mapping):
            texts = {k: v for k, v in whole.items() if isinstance(k, str) and isinstance(v, str)}
        content = _unwrap(whole)
    if not isinstance(content, Mapping) or not content:
        raise PluxelError(f"{path}: expected a state dict, found {_describe(content)}")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise PluxelError(f"{path}: {name!r} must be a tensor, not {_describe(value)}")
    return _without_prefixes(content), texts


def read_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file; tied tensors have all their names.

    Raises: PluxelError for a file that is missing, truncated or in another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        _check_format(metadata, path)
        aliases = json.loads(metadata.pop(ALIASES, "{}"))
        return tensors | {alias: tensors[name] for alias, name in aliases.items()}, metadata
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def read_header(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file.

    Raises: PluxelError for a file that is missing, truncated or in another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        _check_format(metadata, path)
        return metadata
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _check_format(metadata: Mapping[str, str], path: Path) -> None:
    RUN_FORMAT.check(int(metadata.get(FORMAT_KEY, RUN_FORMAT.current)), path)


def read_normalization(path: Path) -> Normalization | None:
    """Return the normalization in a safetensors file's metadata (key ``normalization``), if any.

    Caffe models contain none, but all of ImageNet expect the same.

    Raises: PluxelError if the entry is invalid or the file is damaged.
    """
    if path.suffix == CAFFEMODEL:
        return CAFFE_NORMALIZATION
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
    return path.suffix == ".safetensors" or _has_json(path)


def _has_json(path: Path) -> bool:
    """Return whether a file begins like safetensors: eight bytes with the length of JSON, JSON."""
    return _start_of(path, 9)[8:] == b"{"


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():  # versions of a format that is rejected below
            warnings.simplefilter("ignore")
            is_archive = _begins_with(path, b"PK")
            with torch.serialization.safe_globals(_numpy_scalars()):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error) or not _begins_with(path, *_PICKLES):
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
    return _start_of(path, max(map(len, beginnings))).startswith(beginnings)


def _start_of(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _damaged(path: Path, error: Exception) -> PluxelError:
    if isinstance(error, FileNotFoundError):
        return MissingFile(f"{path}: no such file")
    if (content := recognized(path)) is not None:
        return PluxelError(f"{path} is {content.what}, not a file of weights", content.notes)
    if path.suffix == ".safetensors" and _begins_with(path, *_PICKLES) and not _has_json(path):
        return PluxelError(
            f"{path} is not a safetensors file: torch.save wrote it", ["rename it to .pth"]
        )
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    # Of other files, torch says which byte is no instruction, or advises to run their code.
    if not (_is_safetensors(path) or _begins_with(path, *_PICKLES)) or "weights_only" in reason:
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
