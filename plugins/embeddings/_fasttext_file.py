"""The file format of fastText models: little-endian, without gaps.

Versions 11 and 12 begin with a signature. Models from before 2017 have no signature, no pruned
dictionary and no quantized matrices.

All arrays are views of the memory-mapped file, so opening a model of seven gigabytes reads only its
dictionary. Every size in the file is checked against the file size before use.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...registry import PluxelError
from ._fasttext_parts import Parts
from ._formats import FASTTEXT, other_reader

_VERSIONS = (11, 12)
_ARGUMENTS = struct.Struct("<12id")
_WORD, _LABEL = 0, 1
_CENTROIDS = 256
_START = 64
"""Bytes that identify other formats."""

_LONGEST = 256
"""Most characters of a subword; published models have up to six."""

HIERARCHICAL_SOFTMAX, SUPERVISED = 1, 3


class Cursor:
    """A position in a file, from which values are read in order.

    Raises: PluxelError if the file cannot be read, is empty, or ends too early.
    """

    def __init__(self, path: Path, place: int = 0) -> None:
        self.path, self.place = path, place
        try:
            with path.open("rb") as file:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise PluxelError(f"cannot read {path}: {error}") from error

    def wrong(self, what: str) -> PluxelError:
        """Return an error with the position in the file."""
        return PluxelError(f"{self.path}, byte {self.place:,}: {what}")

    def skip(self, size: int, what: str) -> int:
        """Skip ``size`` bytes, and return where they begin."""
        start, left = self.place, len(self.data) - self.place
        if not 0 <= size <= left:
            raise self.wrong(f"{what} would take {size:,} bytes, but {left:,} are left")
        self.place += size
        return start

    def number(self, kind: str, what: str) -> int:
        """Read an integer; ``kind`` is a numpy type such as ``<i4``."""
        return int(self.array(1, kind, what)[0])

    def array(self, count: int, kind: str, what: str) -> np.ndarray:
        """Read ``count`` numbers, as a view of the file."""
        start = self.skip(count * np.dtype(kind).itemsize, what)
        return np.frombuffer(self.data, kind, count, start)

    def flag(self, what: str) -> bool:
        """Read a byte that is 0 or 1."""
        found = self.number("u1", what)
        if found > 1:
            raise self.wrong(f"{what} is {found}, neither 0 nor 1")
        return bool(found)

    def text(self, what: str) -> bytes:
        """Read bytes up to a zero byte."""
        end = self.data.find(b"\0", self.place)
        if end < 0:
            raise self.wrong(f"no zero byte ends {what}")
        start, self.place = self.place, end + 1
        return self.data[start:end]


class Dense:
    """Rows stored as float32; ``shape``: (m, D)."""

    def __init__(self, cursor: Cursor, what: str) -> None:
        self.shape = _shape(cursor, what)
        count = self.shape[0] * self.shape[1]
        self._values = cursor.array(count, "<f4", f"{what} {self.shape}").reshape(self.shape)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Return rows (n, D) float32 by their numbers (n,)."""
        return self._values[numbers]


class Quantized:
    """Rows by product quantization (Jégou et al. 2011; Joulin et al. 2016, section 2.2).

    The columns are split into parts; a byte for each part selects one of 256 centroids. With
    ``qnorm``, the norm of the row is quantized separately.
    """

    def __init__(self, cursor: Cursor, what: str) -> None:
        has_norms = cursor.flag(f"the flag of norms of {what}")
        self.shape = _shape(cursor, what)
        size = cursor.number("<i4", f"the size of the codes of {what}")
        codes = cursor.array(size, "u1", f"the codes of {what}")
        self._parts = _Centroids(cursor, what, self.shape[1])
        if size != self.shape[0] * len(self._parts):
            raise cursor.wrong(
                f"{what} {self.shape} in {len(self._parts)} parts has {size:,} codes"
            )
        self._codes = codes.reshape(self.shape[0], len(self._parts))
        self._norms: tuple[np.ndarray, _Centroids] | None = None
        if has_norms:
            norms = cursor.array(self.shape[0], "u1", f"the norms of {what}")
            self._norms = norms[:, None], _Centroids(cursor, f"the norms of {what}", 1)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Return the decoded rows (n, D) float32 by their numbers (n,)."""
        found = self._parts.decoded(self._codes[numbers])
        if self._norms is None:
            return found
        codes, parts = self._norms
        with np.errstate(invalid="ignore", over="ignore"):  # callers check the values
            return found * parts.decoded(codes[numbers])


Matrix = Dense | Quantized


class _Centroids:
    """The centroids of each part of the columns."""

    def __init__(self, cursor: Cursor, what: str, dim: int) -> None:
        names = ("dimensions", "parts", "width", "last width")
        found, parts, width, last = (
            cursor.number("<i4", f"{name} of the quantizer of {what}") for name in names
        )
        fits = parts > 0 and width > 0 and (parts - 1) * width + last == dim and 0 < last <= width
        if found != dim or not fits:
            raise cursor.wrong(
                f"the quantizer of {what} has {parts} parts of {width}, the last of {last}, for "
                f"{found} dimensions; expected {dim} dimensions"
            )
        values = cursor.array(dim * _CENTROIDS, "<f4", f"the centroids of {what}")
        whole = (parts - 1) * _CENTROIDS * width
        self._centroids = [
            *values[:whole].reshape(parts - 1, _CENTROIDS, width),
            values[whole:].reshape(_CENTROIDS, last),
        ]

    def __len__(self) -> int:
        return len(self._centroids)

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Return rows (n, D) of codes (n, parts)."""
        return np.concatenate([c[codes[:, i]] for i, c in enumerate(self._centroids)], 1)


def _shape(cursor: Cursor, what: str) -> tuple[int, int]:
    rows, columns = (cursor.number("<i8", f"the shape of {what}") for _ in range(2))
    if rows < 0 or columns < 1:
        raise cursor.wrong(f"{what} cannot have {rows:,} rows of {columns:,} numbers")
    return rows, columns


@dataclass(frozen=True)
class FastTextHeader:
    """The part of a model before the matrices.

    ``words`` and ``labels``: bytes, in order. ``has_flags``: whether flags mark quantized matrices.
    ``end``: the byte at which the matrices begin.
    """

    dim: int
    parts: Parts
    is_supervised: bool
    is_hierarchical: bool
    words: list[bytes]
    labels: list[bytes]
    has_flags: bool
    end: int


def read_header(path: Path) -> FastTextHeader:
    """Read arguments and dictionary. Raises: PluxelError with the byte at which it fails."""
    cursor = Cursor(path)
    version = 0
    if cursor.data[: len(FASTTEXT)] == FASTTEXT:
        cursor.skip(len(FASTTEXT), "the signature")
        version = cursor.number("<i4", "the version")
        if version not in _VERSIONS:
            raise cursor.wrong(f"version {version} is not supported; supported: 11, 12")
    elif hint := other_reader(bytes(cursor.data[:_START])):
        raise PluxelError(f"{path} is not a fastText model{hint}")
    start = cursor.skip(_ARGUMENTS.size, "the arguments")
    values = _ARGUMENTS.unpack_from(cursor.data, start)
    dim, loss, model, bucket, minn, maxn = (values[i] for i in (0, 6, 7, 8, 9, 10))
    if version < 12 and model == SUPERVISED:
        maxn = 0
    if dim < 1 or bucket < 0 or (maxn > 0 and not bucket) or maxn > _LONGEST:
        raise cursor.wrong(f"dim {dim}, bucket {bucket}, maxn {maxn} are not valid sizes")
    words, labels, pruned = _dictionary(cursor, has_pruned=version > 0)
    return FastTextHeader(
        dim=dim,
        parts=Parts(minn, maxn, bucket, pruned),
        is_supervised=model == SUPERVISED,
        is_hierarchical=loss == HIERARCHICAL_SOFTMAX,
        words=words,
        labels=labels,
        has_flags=version > 0,
        end=cursor.place,
    )


def _dictionary(
    cursor: Cursor, *, has_pruned: bool
) -> tuple[list[bytes], list[bytes], np.ndarray | None]:
    size, count, others = (cursor.number("<i4", "the dictionary's size") for _ in range(3))
    cursor.number("<i8", "the number of tokens")
    kept = cursor.number("<i8", "the number of kept hashes") if has_pruned else -1
    # An entry takes ten bytes: a zero, a count and a type.
    if count < 0 or others < 0 or size != count + others or size * 10 > len(cursor.data):
        raise cursor.wrong(
            f"wrong dictionary sizes: {size:,} entries, {count:,} words, {others:,} labels"
        )
    entries: tuple[list[bytes], list[bytes]] = ([], [])
    for number in range(size):
        token = cursor.text(f"entry {number:,} of the dictionary")
        cursor.skip(8, "the count of an entry")
        kind = cursor.number("u1", "the type of an entry")
        if kind != (_WORD if number < count else _LABEL):
            raise cursor.wrong(f"entry {number:,} of {count:,} words is of type {kind}")
        entries[kind].append(token)
    if kept < 0:
        return (*entries, None)
    pruned = cursor.array(2 * kept, "<i4", f"{kept:,} kept hashes")
    return (*entries, pruned.reshape(kept, 2))


@dataclass(frozen=True)
class Matrices:
    """``inputs``: rows of words, then of subword hashes. ``outputs``: rows of labels, if any."""

    inputs: Matrix
    outputs: Matrix


def read_matrices(path: Path, place: int, *, has_flags: bool) -> Matrices:
    """Open the matrices that begin at a byte. Raises: PluxelError, as `read_header`."""
    cursor = Cursor(path, place)
    is_quantized = has_flags and cursor.flag("the flag of quantized vectors")
    inputs = (Quantized if is_quantized else Dense)(cursor, "the vectors")
    both = has_flags and cursor.flag("the flag of quantized output") and is_quantized
    outputs = (Quantized if both else Dense)(cursor, "the output")
    if left := len(cursor.data) - cursor.place:
        raise cursor.wrong(f"{left:,} bytes follow the end of the model")
    return Matrices(inputs, outputs)
