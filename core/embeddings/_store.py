"""Word vectors in one memory-mapped safetensors file, which is written row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...registry import PluxelError
from ..common.files import replacing
from ..common.formats import FileFormat
from ..neighbors import Compact
from ._vocabulary import Vocabulary, hash_words, repeated, vocabulary_arrays

_FORMAT = FileFormat("word-vector store", 2, {1: ""})
_FAMILY = "pluxel-embedding-"
FORMAT = f"{_FAMILY}{_FORMAT.current}"
"""Part of every cache key: a cache builds stores of an older version again."""

_HEADER = 4096
"""Bytes before the rows: the length, and the header, padded with spaces as the format allows."""

_BLOCK = 1 << 22
"""Bytes moved or read at a time."""

_PARTS = (
    *("vectors", "norms", "mean", "blob", "offsets", "hashes", "order"),
    *("compact.basis", "compact.codes", "compact.scales"),
)
"""Arrays that every store has."""

_TYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "int32": "I32", "int8": "I8"} | {
    "uint8": "U8"
}


@dataclass(frozen=True)
class Store:
    """An open store.

    ``arrays``: memory-mapped arrays by name: ``vectors`` (N, D) float32; ``norms`` (N,) float64;
    ``mean`` (D,) float64, the mean of all rows; the arrays of the vocabulary; the arrays of the
    compact copy, ``compact.…``; and arrays that the reader attached. ``metadata``: facts about the
    source from the reader.
    """

    path: Path
    arrays: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def __reduce__(self) -> tuple[Callable[[Path], Store], tuple[Path]]:
        """Send the path to another process, which maps the same memory.

        Sending the tensors would move them, and leave the views of the vocabulary dangling.
        """
        return open_store, (self.path.absolute(),)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words, backed by the mapped arrays."""
        return Vocabulary.from_arrays(
            {name: self.arrays[name].numpy() for name in ("blob", "offsets", "hashes", "order")}
        )

    @property
    def compact(self) -> Compact:
        """The compact copy that filters candidates."""
        return Compact(*(self.arrays[f"compact.{name}"] for name in ("basis", "codes", "scales")))


def is_store(path: Path) -> bool:
    """Return whether a safetensors file is a store of any version."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format", "").startswith(_FAMILY)
    except (SafetensorError, OSError):
        return False


def open_store(path: Path) -> Store:
    """Memory-map a store. Raises: PluxelError if the file is not a store or is damaged."""
    try:
        # Older releases of safetensors read to the default device, such as meta.
        with torch.device("cpu"), safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise PluxelError(f"{path} is not a word-vector store: {error}") from error
    version = metadata.get("format", "").removeprefix(_FAMILY)
    if not version.isdecimal():
        raise PluxelError(f"{path} is not a word-vector store: its metadata name no format")
    _FORMAT.check(int(version), path)
    if problem := _find_problem(arrays, metadata):
        raise PluxelError(f"{path} is damaged: {problem}")
    store = Store(path, arrays, metadata)
    try:
        _ = store.compact
    except PluxelError as error:
        raise PluxelError(f"{path} is damaged: {error.message}") from error
    return store


def _find_problem(arrays: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return what is wrong with shapes, types or word offsets, or ""; rows are not checked."""
    if missing := [name for name in _PARTS if name not in arrays]:
        return f"the array {missing[0]} is missing"
    if not metadata.get("duplicates", "").isdecimal():
        return "the number of duplicates is missing"
    # In NumPy, since torch may compute on another default device.
    vectors, offsets, order = (arrays[n].numpy() for n in ("vectors", "offsets", "order"))
    if vectors.ndim != 2 or not vectors.size:
        return f"vectors is {vectors.shape}"
    count, dim = vectors.shape
    expected = {
        "vectors": (torch.float32, (count, dim)),
        "norms": (torch.float64, (count,)),
        "mean": (torch.float64, (dim,)),
        "blob": (torch.uint8, (arrays["blob"].numel(),)),
        "offsets": (torch.int64, (count + 1,)),
        "hashes": (torch.int64, (count,)),
        "order": (torch.int64, (count,)),
        "compact.basis": (torch.float32, (dim, arrays["compact.basis"].numel() // dim)),
        "compact.codes": (torch.int8, (count, arrays["compact.codes"].numel() // count)),
        "compact.scales": (torch.float64, (4,)),
    }
    for name, (kind, shape) in expected.items():
        if (arrays[name].dtype, tuple(arrays[name].shape)) != (kind, shape):
            return f"{name} is {tuple(arrays[name].shape)} {arrays[name].dtype}"
    if offsets[0] != 0 or offsets[-1] != arrays["blob"].numel() or (np.diff(offsets) < 0).any():
        return "the word offsets are not in order"
    return "a word number is out of range" if order.min() < 0 or order.max() >= count else ""


class StoreWriter:
    """Write rows in the order in which a reader adds them. Only the words stay in memory.

    ``dim``: D, set by the first rows. ``duplicates``: rows that `finish` dropped because their word
    occurred before. ``empty``: rows without a word, which `finish` dropped; ``gap`` is the place of
    the first one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.dim = 0
        self.duplicates = 0
        self.empty = 0
        self.gap = ""
        self._file = file
        self._tokens: list[bytes] = []
        self._norms: list[np.ndarray] = []
        self._arrays: dict[str, np.ndarray] = {}
        file.truncate(_HEADER)
        file.seek(_HEADER)

    def __len__(self) -> int:
        return len(self._tokens)

    def add(
        self,
        tokens: Sequence[bytes],
        vectors: np.ndarray,
        place: Callable[[int], str] | None = None,
    ) -> None:
        """Append rows: words in UTF-8, and (n, D) float32.

        ``place(i)`` names the place of row i of this block in the source, for error messages.

        Raises: PluxelError for a value that is not finite.
        """
        with np.errstate(over="ignore"):  # reported below, with the place
            rows = np.ascontiguousarray(vectors, "<f4")
        self.dim = self.dim or rows.shape[-1]
        if rows.shape != (len(tokens), self.dim):
            raise PluxelError(
                f"{len(tokens)} words do not fit vectors {rows.shape}; D = {self.dim}"
            )
        norms = row_norms(rows)
        if not np.isfinite(norms).all():
            bad = int(np.flatnonzero(~np.isfinite(norms))[0])
            where = place(bad) if place else f"row {len(self) + bad}"
            raise PluxelError(f"{where}: a value of the vector is not a finite number")
        if not self.gap and b"" in tokens:
            first = tokens.index(b"")
            self.gap = place(first) if place else f"row {len(self) + first}"
        self._file.write(rows.data)
        self._tokens += tokens
        self._norms.append(norms)

    def attach(self, name: str, array: np.ndarray) -> None:
        """Attach an array of the reader; the open store offers it under this name."""
        self._arrays[name] = array

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the other arrays and the header.

        Raises: PluxelError if there are no rows with a word, or they have no values.
        """
        kept = np.fromiter(map(bool, self._tokens), bool, len(self))
        if not kept.any() or not self.dim:
            raise PluxelError("the source contains no vectors")
        self.empty = int((~kept).sum())
        hashes = hash_words(self._tokens)
        norms = np.concatenate(self._norms)
        kept[repeated(self._tokens, hashes)] = False
        self.duplicates = int((~kept).sum()) - self.empty
        if not kept.all():
            self._drop_rows(kept)
            hashes, norms = hashes[kept], norms[kept]
        self._file.flush()
        rows = np.memmap(self._file, "<f4", "c", _HEADER, (len(self), self.dim))
        total = sum((block.sum(0, dtype=np.float64) for block in blocks(rows)), np.zeros(self.dim))
        compact = Compact.build(torch.from_numpy(np.asarray(rows)), torch.from_numpy(norms))
        arrays = {
            "norms": norms,
            "mean": total / len(self),
            **vocabulary_arrays(self._tokens, hashes),
            **{f"compact.{name}": t.numpy() for name, t in compact.arrays().items()},
            **self._arrays,
        }
        counts = {"duplicates": str(self.duplicates), "empty": str(self.empty), "gap": self.gap}
        self._write(arrays, {**metadata, "format": FORMAT, **counts})

    def _drop_rows(self, kept: np.ndarray) -> None:
        """Drop the rows that ``kept`` masks out, and move the rest up."""
        width = 4 * self.dim
        step = max(1, _BLOCK // width)
        end = _HEADER
        for start in range(0, len(kept), step):
            self._file.seek(_HEADER + start * width)
            count = min(step, len(kept) - start)
            rows = np.frombuffer(self._file.read(count * width), "<f4").reshape(count, -1)
            self._file.seek(end)
            end += self._file.write(rows[kept[start : start + count]].tobytes())
        self._file.truncate(end)
        self._file.seek(end)
        self._tokens = [token for token, keep in zip(self._tokens, kept, strict=True) if keep]

    def _write(self, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
        size = len(self) * self.dim * 4
        header: dict[str, Any] = {"__metadata__": dict(metadata)}
        header["vectors"] = _entry("F32", (len(self), self.dim), 0, size)
        self._file.seek(_HEADER + size)
        for name, array in arrays.items():
            if gap := -size % 64:  # a cache line; the format allows no holes
                header[f"padding.{len(header)}"] = _entry("U8", (gap,), size, gap)
                size += self._file.write(bytes(gap))
            flat = np.ascontiguousarray(array)
            header[name] = _entry(_TYPES[flat.dtype.name], flat.shape, size, flat.nbytes)
            size += self._file.write(flat.data if flat.size else b"")
        text = json.dumps(header, ensure_ascii=True).encode()
        if len(text) > _HEADER - 8:
            raise PluxelError("the metadata of the source is too long for a store")
        self._file.seek(0)
        self._file.write((_HEADER - 8).to_bytes(8, "little"))
        self._file.write(text.ljust(_HEADER - 8))


@contextmanager
def writing(path: Path) -> Iterator[StoreWriter]:
    """Yield a writer of a store; the file appears only if the block succeeds.

    The block must call ``finish``. Raises: PluxelError if writing fails.
    """
    with replacing(path) as unfinished, unfinished.open("wb+") as file:
        yield StoreWriter(file)


def row_norms(rows: np.ndarray) -> np.ndarray:
    """Return the Euclidean norms of rows (n, D), (n,) float64, block by block to bound memory."""
    # Squares of finite float32 neither overflow nor vanish in float64; a NaN may warn.
    with np.errstate(invalid="ignore"):
        return np.concatenate(
            [np.linalg.norm(block.astype(np.float64), axis=1) for block in blocks(rows)] or [[]]
        )


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a matrix in blocks of a few megabytes."""
    step = max(1, _BLOCK // max(1, 4 * rows.shape[1]))
    return (rows[start : start + step] for start in range(0, len(rows), step))


def _entry(kind: str, shape: tuple[int, ...], start: int, size: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, start + size]}
