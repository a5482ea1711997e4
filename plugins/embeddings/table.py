"""Custom vectors: a matrix, and a list of the words of its rows."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ...core.authoring import (
    Store,
    StoredVectors,
    StoreWriter,
    Unknown,
    Words,
    cached_store,
    is_store,
    open_store,
    require_file,
    unpacked,
    unpacked_stream,
)
from ...registry import PluxelError, did_you_mean

_BLOCK = 1 << 22
"""Values copied at a time."""

_UTF_8 = "utf-8"
_ARRAY, _SAFETENSORS = ".npy", ".safetensors"

_ReadRows = Callable[[int, int], np.ndarray]
"""``rows(start, stop)`` returns these rows as float32."""


class Table(StoredVectors):
    """A matrix in a .npy or safetensors file, with a list of words; or a store that Pluxel wrote.

    ``file``: rows (N, D) of any floating-point type. ``words``: a text file of N lines, or a JSON
    list of N strings; by default the file of the same name with the suffix .words.txt, .txt or
    .json. Both may be in a .zip, .gz, .bz2 or .xz file. ``tensor``: the name of the tensor, if the
    safetensors file contains several. ``encoding``: the encoding of the list of words.
    ``unknown``: what to return for words without a vector. ``cache``: the folder of converted
    stores.

    A store (`pluxel embeddings convert`) contains its words and is memory-mapped in place.

    Raises: MissingFile if a file is missing; PluxelError if a file is damaged, if the matrix has
    the wrong shape or type, and if the numbers of words and rows differ.
    """

    suffixes = (_ARRAY, _SAFETENSORS)

    def __init__(
        self,
        *,
        file: Path,
        words: Path | None = None,
        tensor: str | None = None,
        encoding: str = _UTF_8,
        unknown: Unknown = "error",
        cache: Path | None = None,
    ) -> None:
        store = _store(require_file(file), words, tensor, encoding, cache)
        super().__init__(store, unknown=unknown)


def _store(
    source: Path, words: Path | None, tensor: str | None, encoding: str, cache: Path | None
) -> Store:
    is_plain = source.suffix.lower() in (_ARRAY, _SAFETENSORS)
    file = source if is_plain else unpacked(source, cache=cache)
    if file.suffix.lower() == _SAFETENSORS and is_store(file):
        if words or tensor or encoding != _UTF_8:
            raise PluxelError(
                f"{file} is a store, which contains its words: remove 'words', 'tensor' and "
                "'encoding'"
            )
        return open_store(file)
    if tensor and file.suffix.lower() == _ARRAY:
        raise PluxelError(f"{file} contains one array without a name: remove 'tensor: {tensor}'")
    listed = _beside(source, is_plain) if words is None else require_file(words)

    def build(writer: StoreWriter) -> Mapping[str, str]:
        tokens, facts = _read_words(listed, encoding)
        read, (count, dim) = _open(file, tensor)
        if count != len(tokens):
            raise PluxelError(f"{file} has {count:,} rows, but {listed} has {len(tokens):,} words")
        step = max(1, _BLOCK // dim)
        for start in range(0, count, step):
            writer.add(
                tokens[start : start + step],
                read(start, start + step),
                lambda i, s=start: f"{file}, row {s + i:,}",
            )
        return facts

    kind = listed.suffix.lower()
    recipe = {"reader": "table 3", "tensor": tensor, "words": kind, "encoding": encoding}
    return cached_store(file, recipe, build, beside=[listed], cache=cache)


def _beside(file: Path, is_plain: bool) -> Path:
    """Return the word list for a file. Raises: PluxelError if there is none."""
    base = file if is_plain else file.with_suffix("")  # words.npy.gz -> words.npy
    for suffix in (".words.txt", ".txt", ".json"):
        if (path := base.with_suffix(suffix)).is_file():
            return path
    raise PluxelError(
        f"no word list found for the rows of {file}: set 'words: …' to the file that lists them"
    )


def _read_words(path: Path, encoding: str) -> tuple[list[bytes], dict[str, str]]:
    """Return the words of a list, and facts about it."""
    with unpacked_stream(path) as stream:
        data, is_json = stream.file.read(), stream.inner.lower().endswith(".json")
    if is_json:
        return _json_words(path, data, encoding), {}
    data = data.removeprefix(codecs.BOM_UTF8)
    lines = [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]
    words = Words(str(path), encoding)
    if len(lines) > 1 and all(b"\t" in line for line in lines):
        first = lines[0].decode(errors="replace")
        raise PluxelError(
            f"{path}: every line contains a tab, such as {first!r}: keep only the column of "
            "words, for example with cut -f 1"
        )
    found = words(lines if data else [], lambda i: f"line {i + 1:,}")
    return found, words.facts()


def _json_words(path: Path, data: bytes, encoding: str) -> list[bytes]:
    try:
        found: Any = json.loads(data if encoding == _UTF_8 else data.decode(encoding))
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise PluxelError(f"{path} is not a JSON list of strings")
        return [word.encode() for word in found]
    except (ValueError, LookupError, RecursionError) as error:  # lone surrogates are not UTF-8
        raise PluxelError(f"{path} is not a JSON list of words: {error}") from error


def _open(file: Path, tensor: str | None) -> tuple[_ReadRows, tuple[int, int]]:
    if file.suffix.lower() == _ARRAY:
        return _open_array(file)
    if file.suffix.lower() == _SAFETENSORS:
        return _open_safetensors(file, tensor)
    raise PluxelError(f"{file}: unsupported file suffix; supported: .npy, .safetensors")


def _open_array(file: Path) -> tuple[_ReadRows, tuple[int, int]]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy parses a damaged header as Python
        raise PluxelError(f"{file} is not a .npy file of numbers: {error}") from error
    if not isinstance(array, np.memmap):
        raise PluxelError(f"{file} is not a .npy file of numbers, but an archive of arrays")
    if left := file.stat().st_size - array.offset - array.nbytes:
        raise PluxelError(f"{file} has {left:,} bytes more than its {array.shape} numbers")
    is_float = np.issubdtype(array.dtype, np.floating)

    def rows(start: int, stop: int) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):  # the store rejects non-finite values
            return array[start:stop].astype(np.float32)

    return rows, _checked(file, array.shape, str(array.dtype), is_float)


def _open_safetensors(file: Path, tensor: str | None) -> tuple[_ReadRows, tuple[int, int]]:
    try:
        opened: Any = safe_open(file, framework="pt")
        names = [*opened.keys()]
    except (SafetensorError, OSError) as error:
        raise PluxelError(f"{file} is not a safetensors file: {error}") from error
    if tensor is None and len(names) != 1:
        raise PluxelError(f"{file}: set 'tensor: …' to one of {', '.join(names)}")
    name = names[0] if tensor is None else tensor
    if name not in names:
        raise PluxelError(f"{file} has no tensor '{name}'.{did_you_mean(name, names)}")
    rows = opened.get_slice(name)
    kind = rows.get_dtype()
    shape = _checked(file, rows.get_shape(), kind, kind.startswith(("F", "BF")))
    return (lambda start, stop: rows[start:stop].float().numpy()), shape


def _checked(file: Path, shape: Any, kind: str, is_float: bool) -> tuple[int, int]:
    if len(shape) != 2 or not is_float or not all(shape):
        raise PluxelError(f"{file} contains {tuple(shape)} {kind}, not floating-point rows (N, D)")
    return shape[0], shape[1]
