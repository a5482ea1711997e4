"""Keep faiss indexes on disk, since building one takes minutes; a damaged file is built again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.files import cannot_write, replacing
from ..common.logs import logger

_FORMAT = "pluxel-index-1"
"""Increase it when indexes are built in another way. It is part of every name."""

_BLOCK = 1 << 22
_DIGEST = 64
"""Bytes at the end of a file: the SHA-256 of the others, in hexadecimal digits."""


def file_of(folder: Path, kind: str, vectors: Tensor, parameters: Mapping[str, Any]) -> Path:
    """Return the file for an index: its name depends on the vectors, kind and parameters.

    ``parameters``: everything else that the index depends on, as JSON values.
    """
    values = vectors.detach().contiguous().view(torch.uint8)
    content = hashlib.sha256(values.numpy().data).hexdigest()
    facts = [_FORMAT, kind, content, [*vectors.shape], str(vectors.dtype), dict(parameters)]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return folder / f"{kind}-{key[:16]}.faiss"


def load_or_build(path: Path, shape: tuple[int, int], faiss: Any, build: Callable[[], Any]) -> Any:
    """Return the index in a file, after building and writing it if it is missing or damaged.

    ``shape``: of the rows. An index that cannot be written is still used.
    """
    if path.is_file():
        try:
            return _read(path, shape, faiss)
        except (OSError, RuntimeError, ValueError) as error:
            logger.warning("%s is damaged: %s; building it again", path, error)
    index = build()
    try:
        _write(path, index, faiss)
        logger.info("the index is kept in %s", path)
    except PluxelError as error:
        logger.warning("the index is not kept: %s", error)
    return index


def _read(path: Path, shape: tuple[int, int], faiss: Any) -> Any:
    with path.open("rb") as file:
        size = path.stat().st_size - _DIGEST
        digest = hashlib.sha256()
        while left := max(0, size - file.tell()):
            digest.update(file.read(min(left, _BLOCK)))
        if file.read() != digest.hexdigest().encode():
            raise ValueError("its checksum does not match")
    index = faiss.read_index(str(path))
    if (index.ntotal, index.d) != shape:
        raise ValueError(f"it has {index.ntotal} rows of {index.d} numbers")
    return index


def _write(path: Path, index: Any, faiss: Any) -> None:
    """Write an index. Raises: PluxelError if that fails."""
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        writer = _Hashed(file)
        try:
            # faiss does not report errors of closing a file that it writes itself.
            faiss.write_index(index, faiss.PyCallbackIOWriter(writer))
        except RuntimeError as error:  # faiss hides the errors of a callback
            raise cannot_write(path, writer.error or str(error)) from error
        file.write(writer.digest.hexdigest().encode())


class _Hashed:
    """Writes to a file, and computes the SHA-256 of what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.error: OSError | None = None
        self._file = file

    def __call__(self, data: bytes) -> None:
        """Write bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.digest.update(data)
