"""Compare the sizes that a MATLAB file of version 5 claims with the bytes that it has.

SciPy allocates what a file claims, before it reads the values. The format: "MAT-File Format",
The MathWorks, chapter 1: elements of a tag (type and number of bytes) and data, which may contain
further elements.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from

from .limits import too_large
from .pixels import ImageError

_MATRIX, _COMPRESSED = 14, 15
_SPARSE, _OPAQUE = 5, 16
_DEEPEST = 20
_BYTES_PER_VALUE = 8


def check_claims(content: bytes, max_values: int, path: Path) -> None:
    """Check the sizes that a file of version 5 claims.

    ``max_values``: the most values that an array may have, 0 for any number.

    Raises: ImageError if an array claims more values than there are bytes, or than permitted; if an
    element claims to be longer than the file; and for compressed data that expand to more than
    such an array.
    """
    order = "<" if content[126:128] == b"IM" else ">"
    for kind, data in _elements(memoryview(content)[128:], order, path):
        if kind == _COMPRESSED:
            for inner, expanded in _elements(_expanded(data, max_values, path), order, path):
                if inner == _MATRIX:
                    _check_array(expanded, order, max_values, path)
        elif kind == _MATRIX:
            _check_array(data, order, max_values, path)


def _elements(data: memoryview, order: str, path: Path) -> Iterator[tuple[int, memoryview]]:
    """Yield the type and the data of each element. Raises: ImageError if one is too long."""
    place = 0
    while place + 8 <= len(data):
        kind, length = unpack_from(f"{order}II", data, place)
        if kind >> 16:  # a small element: the length is in the upper half, the data in the tag
            kind, length, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:
            start = place + 8
            end = start + length + (0 if kind == _COMPRESSED else -length % 8)
        if start + length > len(data):
            raise ImageError(
                f"{path}: damaged or truncated: a part of it claims {length:,} bytes, but only "
                f"{len(data) - start:,} follow. Copy the file again"
            )
        yield kind, data[start : start + length]
        place = end


def _expanded(data: memoryview, max_values: int, path: Path) -> memoryview:
    decoder = zlib.decompressobj()
    largest = _BYTES_PER_VALUE * max_values
    expanded = decoder.decompress(data, largest + 1 if largest else 0)
    if largest and len(expanded) > largest:
        raise too_large(f"{path}: expands to more than {largest:,} bytes")
    return memoryview(expanded)


def _check_array(data: memoryview, order: str, max_values: int, path: Path, depth: int = 0) -> None:
    """Check an array: its flags, dimensions and name, and then values, or further arrays."""
    if depth > _DEEPEST:
        raise ImageError(f"{path}: structs are nested more than {_DEEPEST} deep; it is damaged")
    parts = _elements(data, order, path)
    flags = next(parts, (0, memoryview(b"")))[1]
    kind = unpack_from(f"{order}I", flags)[0] & 0xFF if len(flags) >= 4 else 0
    if kind not in range(_OPAQUE):
        return
    sizes = next(parts, (0, memoryview(b"")))[1]
    shape = unpack_from(f"{order}{len(sizes) // 4}i", sizes)
    count = math.prod(shape)
    too_many = max_values and count > max_values
    # A value has at least a byte; a sparse array stores only some of its values.
    size = "×".join(map(str, shape))
    if too_many and min(shape) >= 0 and count <= len(data):
        raise too_large(f"{path}: an array has {size} values, more than {max_values:,}")
    if min(shape, default=0) < 0 or too_many or (count > len(data) and kind != _SPARSE):
        raise ImageError(
            f"{path}: damaged: claims an array of {size} values, but the file has "
            f"{len(data):,} bytes for it. Copy the file again"
        )
    for inner, content in parts:
        if inner == _MATRIX and content:
            _check_array(content, order, max_values, path, depth + 1)
