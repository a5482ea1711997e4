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

_HEAD = 1 << 16


class Word2Vec(StoredVectors):
    """Vectors of a file in word2vec's text or binary format.

    ``file``: text or binary, plain or in a .zip, .gz, .bz2 or .xz file. ``binary``: whether it is
    binary; null detects the format. ``encoding``: the encoding of the words. ``unknown``: what
    words without a vector give. ``cache``: the folder of converted stores.

    Raises: MissingFile if the file is missing, and whatever `read_text` and `read_binary` raise.
    """

    suffixes = (".vec", ".bin")

    def __init__(
        self,
        *,
        file: Path,
        binary: bool | None = None,
        encoding: str = "utf-8",
        unknown: Unknown = "error",
        cache: Path | None = None,
    ) -> None:
        source = source_file(file, None, cache=cache, permitted=False)
        is_binary = _is_binary(source) if binary is None else binary

        def build(writer: StoreWriter) -> Mapping[str, str]:
            with unpacked_stream(source) as stream:
                return (
                    read_binary(stream, writer, encoding)
                    if is_binary
                    else read_text(stream, writer, encoding=encoding, hint=other_reader)
                )

        recipe = {"reader": "word2vec 3", "binary": is_binary, "encoding": encoding}
        super().__init__(cached_store(source, recipe, build, cache=cache), unknown=unknown)

    @classmethod
    def sniff(cls, head: bytes) -> bool:
        """Return whether a file begins like a binary one."""
        return WORD2VEC.match(head) is not None


def _is_binary(path: Path) -> bool:
    """Return whether fewer than half of the fields after the first word are text numbers."""
    with unpacked_stream(path) as stream:
        header = WORD2VEC.fullmatch(stream.file.readline(_HEAD))
        if not header:
            return False  # the binary format has one
        line = stream.file.read(_HEAD).partition(b"\n")[0]
    # A damaged line of text still has most of its numbers; the text reader reports the damage.
    fields = line.replace(b"\t", b" ").rstrip(b" \r").split(b" ")
    numbers = sum(1 for field in fields[1:] if NUMBER.fullmatch(field))
    return 2 * numbers < int(header[2])
