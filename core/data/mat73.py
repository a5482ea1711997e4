"""Read MATLAB files of version 7.3, which are HDF5, through h5py: one entry of a large array.

HDF5 has the axes in reverse: an array of (height, width, channels, samples) in MATLAB is
(samples, channels, width, height) in the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import needed_by
from .images import reading
from .limits import max_pixels, too_large
from .pixels import ImageError

_MOST_NAMES, _LONGEST_NAME = 100_000, 1_000


def mat73_shape(path: Path, key: str) -> tuple[int, ...]:
    """Return the shape of the variable ``key`` in MATLAB's order.

    Raises: ImageError, with the file, if there is no such array, or for another format.
    """
    with _opened(path) as file:
        return _array(file, key, path).shape[::-1]


def mat73_entry(path: Path, key: str, index: int) -> np.ndarray:
    """Return entry ``index`` of the variable ``key``, counted from 0 along its last MATLAB axis.

    Raises: ImageError, with the file, if there is no such array or entry, for entries with more
    pixels than permitted, for another type than numbers, and for another format.
    """
    with _opened(path) as file:
        array = _array(file, key, path)
        if array.dtype.kind not in "iufb":
            raise ImageError(f"{path}: '{key}' must be numbers, not {array.dtype}")
        shape = array.shape[:0:-1]
        if array.ndim not in (3, 4):
            raise ImageError(
                f"{path}: '{key}' has the shape {array.shape[::-1]}; expected (height, width, "
                "samples) or (height, width, channels, samples)"
            )
        if not 0 <= index < array.shape[0]:
            raise ImageError(f"{path}: '{key}' has {array.shape[0]} entries, none at {index}")
        if _is_too_large(shape) or _is_too_large(array.chunks or ()):
            size = "×".join(map(str, shape))
            raise too_large(f"{path}: an entry of '{key}' has {size} values")
        return np.ascontiguousarray(np.transpose(array[index]))


def _is_too_large(shape: tuple[int, ...]) -> bool:
    """Return whether an array has more values than the largest image of four channels."""
    return 0 < max_pixels() * 4 < math.prod(shape)


def mat73_names(path: Path, key: str) -> list[str]:
    """Return the texts of the cell array ``key``; the file has an array of characters for each.

    Raises: ImageError, with the file, if there is no such cell array, or for another format.
    """
    with _opened(path) as file:
        cells = _array(file, key, path)
        if cells.dtype.kind != "O" or cells.size > _MOST_NAMES:
            raise ImageError(f"{path}: '{key}' must be a cell array of text, not {cells.dtype}")
        return [_text(file[reference], key, path) for reference in cells[()].ravel(order="F")]


def _text(characters: Any, key: str, path: Path) -> str:
    is_text = getattr(characters, "dtype", np.dtype("O")).kind == "u"
    if not is_text or characters.size > _LONGEST_NAME:
        raise ImageError(f"{path}: a cell of '{key}' is not text")
    return "".join(map(chr, characters[()].ravel(order="F")))


def _array(file: Any, key: str, path: Path) -> Any:
    """Return a variable that is an array, without its values."""
    if key not in file:
        names = ", ".join(repr(name) for name in file if not name.startswith("#")) or "none"
        raise ImageError(f"{path}: has no variable '{key}'; it has {names}")
    if not hasattr(file[key], "dtype"):
        raise ImageError(f"{path}: '{key}' is a struct; expected an array")
    return file[key]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file; its values are `h5py` objects."""
    with reading(path):
        with needed_by(f"{path}, a MATLAB file of version 7.3,"):
            import h5py  # noqa: PLC0415 - an extra
        with path.open("rb") as start:
            head = start.read(20)
        if not h5py.is_hdf5(path):
            found = "version 5" if head.startswith(b"MATLAB 5.0") else "another format, or damaged"
            raise ImageError(
                f"{path}: expected a MATLAB file of version 7.3 (HDF5), but it is {found}. Use the "
                "original file, or save it in MATLAB with save(…, '-v7.3')"
            )
        try:
            with h5py.File(path, "r") as file:
                yield file
        except OSError as error:  # its text is about the inside of HDF5
            raise ImageError(
                f"{path}: damaged or truncated: it has {path.stat().st_size:,} bytes. Copy or "
                "fetch the file again, and compare its size"
            ) from error
