"""Arrays in files that are mapped into memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike


def new_mapped_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """Create a ``.npy`` file, and return its array of zeros to write to.

    The file has its bytes on disk from the start where the file system can do that: on a full disk,
    a write to a mapped page without one ends the process (SIGBUS).

    Raises: OSError if the disk has too little room.
    """
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    if hasattr(os, "posix_fallocate"):  # Linux and most Unix systems
        with path.open("rb+") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
    return array
