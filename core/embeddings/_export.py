"""Export of word vectors to files that other programs read, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np

from ...registry import PluxelError
from ..common.files import replacing
from ..common.mapped_files import new_mapped_array
from ..common.text import excerpt
from ._store import writing
from ._vocabulary import encode
from ._word_vectors import StoredVectors, WordVectors

Format = Literal["glove", "word2vec", "word2vec_binary", "store", "numpy"]
"""Text without and with a header, word2vec's binary format, Pluxel's store (safetensors), and an
array (.npy) with a word list next to it (.words.txt)."""

_SUFFIXES: dict[str, Format] = {
    ".txt": "glove",
    ".vec": "word2vec",
    ".bin": "word2vec_binary",
    ".safetensors": "store",
    ".npy": "numpy",
}

_ROWS = 1 << 12
"""Rows written at a time."""

_WordBlock = tuple[list[bytes], np.ndarray]


def format_of(path: Path) -> Format:
    """Return the format of a file suffix. Raises: PluxelError for an unknown suffix."""
    if found := _SUFFIXES.get(path.suffix):
        return found
    known = ", ".join(f"{suffix} ({name})" for suffix, name in _SUFFIXES.items())
    raise PluxelError(f"'{path}': unsupported file suffix '{path.suffix}'; supported: {known}")


def files_of(path: Path, form: Format) -> list[Path]:
    """Return the files that `write_vectors` writes, ``path`` first."""
    # Not .txt: an array is often converted from a text file of that name.
    return [path, path.with_suffix(".words.txt")] if form == "numpy" else [path]


def blocks_of(words: WordVectors) -> int:
    """Return the number of blocks that `write_vectors` writes."""
    return -(-len(words) // _ROWS)


def write_vectors(
    words: WordVectors,
    path: Path,
    form: Format,
    advance: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write all words and vectors, and return the files. A failure leaves no partial file.

    Text holds the shortest digits that round-trip to the same float32. ``advance`` is called after
    each of the `blocks_of` blocks.

    Raises: PluxelError for a word that the format cannot represent, and if writing fails.
    """
    blocks = _blocks(words, form, advance)
    shape = len(words), words.dim
    if form == "store":
        with writing(path) as writer:
            for tokens, rows in blocks:
                writer.add(tokens, rows)
            metadata = words.store.metadata if isinstance(words, StoredVectors) else {}
            writer.finish({"source": metadata.get("source", path.name)})
    elif form == "numpy":
        _write_array(blocks, shape, *files_of(path, form))
    else:
        write_row = _binary if form == "word2vec_binary" else _text
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            if form != "glove":
                file.write(b"%d %d\n" % shape)
            for tokens, rows in blocks:
                write_row(file, tokens, rows)
    return files_of(path, form)


_LINE, _SPACE = (b"\n", "line feeds"), (b" ", "spaces")
_ENDS: dict[Format, tuple[tuple[bytes, str], ...]] = {
    **dict.fromkeys(get_args(Format), (_LINE,)),
    "word2vec_binary": (_SPACE, _LINE),
    "store": (),
}
"""The bytes that end a word in each format, and so cannot be in one, and their names."""


def _blocks(words: WordVectors, form: Format, advance: Callable[[], None]) -> Iterator[_WordBlock]:
    for start in range(0, len(words), _ROWS):
        tokens = [encode(word) for word in words.itos[start : start + _ROWS]]
        for byte, name in _ENDS[form]:
            if bad := next((token for token in tokens if byte in token), None):
                word = excerpt(bad.decode(errors="replace"))
                raise PluxelError(f"words with {name} cannot be written as {form}: {word!r}")
        yield tokens, words.vectors[start : start + _ROWS].float().numpy()
        advance()


def _text(file: BinaryIO, tokens: list[bytes], rows: np.ndarray) -> None:
    numbers = rows.astype("S32").tolist()  # the shortest digits that round-trip
    file.writelines(
        b"%b %b\n" % (token, b" ".join(row)) for token, row in zip(tokens, numbers, strict=True)
    )


def _binary(file: BinaryIO, tokens: list[bytes], rows: np.ndarray) -> None:
    file.writelines(
        b"%b %b\n" % (token, row.tobytes())
        for token, row in zip(tokens, rows.astype("<f4"), strict=True)
    )


def _write_array(
    blocks: Iterator[_WordBlock], shape: tuple[int, int], path: Path, listed: Path
) -> None:
    with (
        replacing(listed) as words_unfinished,
        replacing(path) as unfinished,
        words_unfinished.open("wb") as file,
    ):
        array = new_mapped_array(unfinished, np.float32, shape)
        start = 0
        for tokens, rows in blocks:
            file.writelines(token + b"\n" for token in tokens)
            array[start : start + len(rows)] = rows
            start += len(rows)
        array.flush()
