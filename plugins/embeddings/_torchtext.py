"""Vectors as torchtext keeps them: a tuple of words, their numbers, vectors and dimensions (.pt).

torchtext.vocab.Vectors writes such a file beside the text that it read, and needs only the .pt from
then on.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.authoring import StoreWriter
from ...registry import PluxelError

_BLOCK = 1 << 21
"""Numbers copied at a time."""


def is_torchtext(path: Path) -> bool:
    """Return whether the name of a file is that of vectors kept by torchtext."""
    return path.suffix.lower() == ".pt"


def read_torchtext(path: Path, writer: StoreWriter, dim: int | None = None) -> dict[str, str]:
    """Add all rows of a file to a store. Return the metadata of the store.

    ``dim``: D, if it is known in advance. Reading executes no code of the file.

    Raises: PluxelError if the file cannot be read or contains anything else.
    """
    words, vectors = _loaded(path)
    if dim is not None and dim != vectors.shape[1]:
        raise PluxelError(f"{path} has {vectors.shape[1]} dimensions, not {dim}")
    step = max(1, _BLOCK // max(1, vectors.shape[1]))
    for start in range(0, len(words), step):
        tokens = [word.encode(errors="replace") for word in words[start : start + step]]
        rows = vectors[start : start + step].float().numpy()
        writer.add(tokens, np.ascontiguousarray(rows), lambda i, s=start: f"{path}, row {s + i:,}")
    return {}


def _loaded(path: Path) -> tuple[list[str], Tensor]:
    try:
        # Old files cannot be mapped.
        mapped = zipfile.is_zipfile(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a pickle of anything raises anything
        raise PluxelError(f"{path} is not a file of vectors from torchtext: {error}") from error
    if isinstance(found, tuple | list) and len(found) == 4:
        words, _, vectors, _ = found
        if (
            isinstance(words, list)
            and all(isinstance(word, str) for word in words)
            and isinstance(vectors, Tensor)
            and vectors.is_floating_point()
            and vectors.ndim == 2
            and len(vectors) == len(words)
        ):
            return words, vectors
    raise PluxelError(
        f"{path} does not contain vectors from torchtext: words, their numbers, a matrix with a "
        "row for each word, and its dimensions"
    )
