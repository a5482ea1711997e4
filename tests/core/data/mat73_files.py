"""Write MATLAB files of version 7.3 as MATLAB does: axes in reverse, texts in ``#refs#``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

_HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Nov 30 2026 HDF5 schema 1.00 ."


def save_mat73(
    path: Path, arrays: Mapping[str, np.ndarray], cells: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """Write arrays in MATLAB's order of axes, and cell arrays of texts."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            # MATLAB compresses each entry of its own.
            chunks = (1, *array.shape[-2::-1]) if array.ndim > 2 else None
            file.create_dataset(name, data=array.T, chunks=chunks)
        texts = file.create_group("#refs#")
        for name, values in (cells or {}).items():
            references = np.empty((1, len(values)), h5py.ref_dtype)
            for index, text in enumerate(values):
                codes = np.array([[ord(letter)] for letter in text], np.uint16)
                references[0, index] = texts.create_dataset(f"{name}{index}", data=codes).ref
            file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    with path.open("rb+") as file:
        file.write(_HEADER.ljust(124) + b"\0\2IM")
    return path
