"""The first bytes of word-vector files, by the embedding that reads them."""

from __future__ import annotations

import re

FASTTEXT = (793_712_314).to_bytes(4, "little")
"""The signature of fastText models, except those of the first releases."""

WORD2VEC = re.compile(rb"(\d{1,18}) (\d{1,9}) ?\r?\n")
"""The header of word2vec's binary format: rows and dimensions."""

_BEGINNINGS = {
    "fasttext": re.compile(re.escape(FASTTEXT)),
    "word2vec": WORD2VEC,
    "table": re.compile(rb"\x93NUMPY|.{6}\0\0\{\"", re.DOTALL),
}


def other_reader(start: bytes) -> str:
    """Return the end of an error that names the embedding for this format, or ""."""
    for name, beginning in _BEGINNINGS.items():
        if beginning.match(start):
            return f"; the embedding '{name}' reads files that begin like this one"
    return ""
