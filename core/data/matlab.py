"""Read label maps from MATLAB files of version 5, through SciPy.

Sizes in a file are only claims. `check_claims` compares them with the bytes that are there before
anything is allocated.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from ...registry import article
from ._mat_claims import check_claims
from .images import reading
from .limits import max_pixels
from .pixels import ImageError

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_mat_labels(path: Path, key: str, field: str = "") -> np.ndarray:
    """Return label ids (H, W) of the variable ``key`` in a MATLAB file of version 5.

    ``field``: the field of a struct that holds the ids. Ids that are stored as floating point, as
    MATLAB does by default, become int32 if all of them are integers.

    Raises: ImageError, with the file, for another version, a missing variable or field, another
    shape or type, ids that are not integers, and a file that is damaged.
    """
    with reading(path):
        value = _variable(path, key)
        name = key
        if field:
            name = f"{key}.{field}"
            if value.dtype.names is None:
                raise ImageError(f"{path}: '{key}' is not a struct; expected the field '{field}'")
            if field not in value.dtype.names:
                fields = ", ".join(map(repr, value.dtype.names)) or "none"
                raise ImageError(f"{path}: '{key}' has no field '{field}'; it has {fields}")
            if value.size != 1:
                raise ImageError(f"{path}: '{key}' is an array of {value.size} structs, not one")
            value = value[field].item()
        return _label_ids(value, name, path)


def _label_ids(value: object, name: str, path: Path) -> np.ndarray:
    """Return an array from a MATLAB file as label ids (H, W).

    Raises: ImageError for another shape or type, or for ids that are not integers.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iubf":
        found = "a struct" if getattr(value, "dtype", np.dtype(int)).names else _described(value)
        raise ImageError(f"{path}: '{name}' must be numbers (height, width), not {found}")
    if value.ndim != 2:
        raise ImageError(f"{path}: '{name}' has the shape {value.shape}; expected (height, width)")
    if value.dtype.kind != "f":
        return np.ascontiguousarray(value)
    with np.errstate(invalid="ignore"):  # of NaN, which the comparison finds
        ids = value.astype(np.int32)
    if (ids != value).any():
        raise ImageError(f"{path}: '{name}' must be integers, but has {value[ids != value][0]:g}")
    return np.ascontiguousarray(ids)


def _variable(path: Path, key: str) -> np.ndarray:
    """Return a variable of a file of version 5."""
    # SciPy takes a while to import, and most datasets have no MATLAB files.
    from scipy.io import loadmat, whosmat  # noqa: PLC0415

    content = path.read_bytes()
    _check_version(content, path)
    check_claims(content, max_pixels(), path)
    found = loadmat(BytesIO(content), variable_names=[key])
    if key not in found:
        names = ", ".join(repr(name) for name, *_ in whosmat(BytesIO(content))) or "none"
        raise ImageError(f"{path}: has no variable '{key}'; it has {names}")
    return found[key]


def _check_version(content: bytes, path: Path) -> None:
    """Raise ImageError unless a file has the format of MATLAB 5 to 7."""
    if any(content[at : at + 8] == _HDF5 for at in (0, 512, 1024, 2048)):
        raise ImageError(
            f"{path}: a MATLAB file of version 7.3 (HDF5); expected version 5, as in the original "
            "files of the dataset. Save it in MATLAB with save(…, '-v7')"
        )
    if len(content) < 128 or content[126:128] not in (b"IM", b"MI"):
        raise ImageError(f"{path}: not a MATLAB file of version 5; is it the original file?")


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        kinds = {"O": "a cell array", "U": "text", "c": "complex numbers"}
        return kinds.get(value.dtype.kind, str(value.dtype))
    return article(type(value).__name__)
