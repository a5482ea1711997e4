"""word2vec: text and binary files of word vectors.

Mikolov, Sutskever, Chen, Corrado, Dean: "Distributed Representations of Words and Phrases and their
Compositionality", NeurIPS 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core.authoring import (
    NUMBER,
    StoredVectors,
    StoreWriter,
    Unknown,
    cached_store,
    read_text,
    source_file,
    unpacked_stream,
)
from ._binary import read_binary
from ._formats import WORD2VEC, other_reader

_LOOK = 1 << 16


class Word2Vec(StoredVectors):
    """Vectors of a file that word2vec wrote, or another program for its readers.

    ``file``: text or binary, plain or in a .gz or .zip. ``binary``: which of both; null: what it
    looks like. ``unknown``: what stands for words without a vector. ``cache``: the folder of what
    was converted.

    Raises: MissingFile if the file is not there, and what `read_text` and `read_binary` raise.
    """

    def __init__(
        self,
        *,
        file: Path,
        binary: bool | None = None,
        unknown: Unknown = "error",
        cache: Path | None = None,
    ) -> None:
        source = source_file(file, None, cache=cache, permitted=False)
        is_binary = _is_binary(source) if binary is None else binary

        def build(writer: StoreWriter) -> Mapping[str, str]:
            with unpacked_stream(source) as stream:
                return (
                    read_binary(stream, writer)
                    if is_binary
                    else read_text(stream, writer, hint=other_reader)
                )

        recipe = {"reader": "word2vec", "binary": is_binary}
        super().__init__(cached_store(source, recipe, build, cache=cache), unknown=unknown)


def _is_binary(path: Path) -> bool:
    """Tell whether what follows the first word is hardly anything in text, by its numbers."""
    with unpacked_stream(path) as stream:
        header = WORD2VEC.fullmatch(stream.file.readline(_LOOK))
        if not header:
            return False  # the binary form has one
        line = stream.file.read(_LOOK).partition(b"\n")[0]
    # A damaged line of text has most of its numbers still, and hears of them in its error.
    numbers = sum(1 for field in line.rstrip(b" \r").split(b" ")[1:] if NUMBER.fullmatch(field))
    return 2 * numbers < int(header[2])
