"""Read vectors as text: a word and its numbers per line, as in GloVe, word2vec and fastText files.

Spaces or tabs separate a word and its numbers, and only line feeds separate lines. Words may
contain any white space except at their end, because the last D fields of a line are its numbers. A
first line of two integers is a header: rows and D.
"""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from ...registry import PluxelError
from ..common.logs import logger
from ..embeddings import ByteStream, StoreWriter
from .word_files import Words

Hint = Callable[[bytes], str]
"""First line of an unreadable file -> end of the error message: what the file may be."""

_BLOCK = 1 << 23
_LONGEST = 1 << 24
"""Maximum bytes of a line; a thousand numbers take about ten thousand."""

_IN_HEADER = "the header"
_HEADER = re.compile(rb"(\d+)[ \t]+(\d+)[ \t]*\r?\n?")
_BLANK = b" \t\r"
"""Characters that do not belong to the line if they end it."""

_FIELDS = re.compile(rb"[ \t]+")

NUMBER = re.compile(
    rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)
_ODD = (b"\t", b"\v", b"\f", b"\r", b"  ")
"""White space that the fast parser would treat as a single space."""


class _Header(NamedTuple):
    rows: int
    dim: int


def read_text(
    stream: ByteStream,
    writer: StoreWriter,
    dim: int | None = None,
    *,
    encoding: str = "utf-8",
    hint: Hint = lambda _: "",
) -> dict[str, str]:
    """Add all rows of a file to a store, in bounded memory. Return facts about the file.

    ``dim``: D, if it is known in advance. ``encoding``: of the words. ``hint``: suggests what an
    unreadable file may be.

    A line with an extra number looks like a word that ends in a space and a number. Such words are
    counted (``doubtful``), and a warning names the first (``doubt``).

    Raises: PluxelError with the line number for a line that is not a word and D numbers, and for a
    value that is not finite; also for a header that does not match the file, for an empty file, and
    if most words end in a number, so that D must be too small.
    """
    blocks = _blocks(stream)
    lines = next(blocks, None)
    if lines is None:
        raise PluxelError(f"{stream.name} is empty")
    lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
    header = _header(lines[0], stream)
    dim_in_file = header.dim if header else _dim_of(lines[0], stream, dim, hint)
    if dim is not None and dim != dim_in_file:
        raise PluxelError(f"{stream.name} has {dim_in_file} dimensions, not {dim}")
    words = Words(stream.name, encoding)
    first, number = lines[0] + b"\n", 1
    if header:
        lines, number = lines[1:], 2
    origin = _IN_HEADER if header else "line 1" if dim is None else "'dim'"
    parser = _LineParser(stream.name, dim_in_file, words, origin, hint(first))
    for block in chain([lines], blocks):
        tokens, vectors, numbers = parser.parse(block, number)
        if tokens:
            writer.add(tokens, vectors, lambda i, n=numbers: f"{stream.name}, line {n[i]:,}")
        number += len(block)
    if header and len(writer) != header.rows:
        raise PluxelError(
            f"{stream.name}: the header says {header.rows:,} rows, but the file has {len(writer):,}"
        )
    parser.check_dim(len(writer))
    return {**words.facts(), **parser.doubts()}


def _blocks(stream: ByteStream) -> Iterator[list[bytes]]:
    """Yield the lines of a file without line feeds, some megabytes at a time."""
    rest, number = b"", 1
    while data := stream.file.read(_BLOCK):
        whole, feed, rest = (rest + data).rpartition(b"\n")
        if feed:
            lines = whole.split(b"\n")
            number += len(lines)
            yield lines
        if len(rest) > _LONGEST:
            raise PluxelError(f"{stream.name}, line {number:,} does not end; is it a text file?")
    if rest:
        yield [rest]


def _header(line: bytes, stream: ByteStream) -> _Header | None:
    match = _HEADER.fullmatch(line)
    if not match:
        return None
    # 19 digits show that a number is too large, even if it has thousands.
    header = _Header(*(int(text[:19]) for text in match.groups()))
    minimum = header.rows * header.dim * 2  # a digit and a space for each number
    if not header.dim or not header.rows or (stream.size is not None and minimum > stream.size):
        declared = f"the header says {header.rows:,} rows of {header.dim:,} numbers"
        actual = "" if stream.size is None else f", but the file has {stream.size:,} bytes"
        raise PluxelError(f"{stream.name}: {declared}{actual}")
    return header


def _dim_of(line: bytes, stream: ByteStream, dim: int | None, hint: Hint) -> int:
    """Return how many numbers end the first line of a file without header, at most ``dim``."""
    fields = _FIELDS.split(line.rstrip(_BLANK))
    numbers = 0
    while numbers < len(fields) - 1 and NUMBER.fullmatch(fields[-1 - numbers]):
        numbers += 1
        if numbers == dim:  # everything before belongs to the word
            break
    if numbers > 1:
        return numbers
    if numbers:
        raise PluxelError(
            f"{stream.name}, line 1 has only one number; a file of one dimension needs a header "
            "'ROWS 1', to distinguish it from a list of words and counts"
        )
    raise PluxelError(
        f"{stream.name}, line 1 is not a word with numbers: {_quoted(line)}"
        f"{hint(line) or _advice(line)}"
    )


def _advice(line: bytes) -> str:
    """Return the end of an error: what is wrong with a first line, or nothing."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "; the file is UTF-16: convert it to UTF-8, for example with iconv"
    if not _is_utf8(line):
        return "; is it a text file?"
    *others, last = line.rstrip().split(b",")
    if others and NUMBER.fullmatch(last):
        return "; separate a word and its numbers by spaces or tabs, not by commas"
    return ""


class _LineParser:
    """Parse lines into words and vectors."""

    def __init__(self, name: str, dim: int, words: Words, origin: str, hint: str) -> None:
        self.name, self.dim, self.words, self._origin = name, dim, words, origin
        self._hint = hint
        self._doubtful = 0
        self._first_doubtful = (0, b"")

    def parse(self, lines: list[bytes], first: int) -> tuple[list[bytes], np.ndarray, list[int]]:
        """Return words, vectors (n, D) float32 and line numbers; empty lines are skipped."""
        tokens: list[bytes] = []
        texts: list[bytes] = []
        numbers: list[int] = []
        spaces = self.dim - 1
        for number, line in enumerate(lines, first):
            token, _, text = line.partition(b" ")
            if text.count(b" ") != spaces or not text or text[-1:] in _BLANK or b"\t" in line:
                if not (bare := line.rstrip(_BLANK)):
                    continue
                token, text = self._split(bare, number)
            tokens.append(token)
            texts.append(text)
            numbers.append(number)
        decoded = self.words(tokens, lambda i: f"line {numbers[i]:,}")
        return decoded, self._parse(texts, numbers, tokens), numbers

    def check_dim(self, rows: int) -> None:
        """Raise PluxelError if most words end in a number: D is then too small."""
        number, line = self._first_doubtful
        if 2 * self._doubtful > rows:
            raise PluxelError(
                f"{self.name}, line {number:,}: more than the {self.dim} numbers of "
                f"{self._origin}: {_quoted(line)}"
            )

    def doubts(self) -> dict[str, str]:
        """Warn about words that end in a number; return their number and the first such line."""
        if not self._doubtful:
            return {}
        number, line = self._first_doubtful
        first = f"line {number:,}: {_quoted(line)}"
        logger.warning(
            "%s: words that end in a space and a number: %s; do these lines have an extra number? "
            "The first is %s",
            self.name,
            f"{self._doubtful:,}",
            first,
        )
        return {"doubtful": str(self._doubtful), "doubt": first}

    def _split(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        fields = line.rsplit(b" ", self.dim)
        if len(fields) <= self.dim or b"" in fields[1:] or b"\t" in line[len(fields[0]) :]:
            fields = _FIELDS.sub(b" ", line).rsplit(b" ", self.dim)
        if len(fields) <= self.dim:
            raise self._wrong(number, len(fields) - 1, line)
        word = fields[0].rstrip(b" \t") or fields[0]
        self._check_word(word, number, line)
        return word, b" ".join(fields[1:])

    def _check_word(self, word: bytes, number: int, line: bytes) -> None:
        parts = _FIELDS.split(word)
        if len(parts) == 1:
            return
        if NUMBER.fullmatch(parts[-1]):
            self._first_doubtful = self._first_doubtful if self._doubtful else (number, line)
            self._doubtful += 1
        # A damaged line feed joins two lines; published words contain fewer numbers.
        inside = sum(1 for part in parts if NUMBER.fullmatch(part))
        if inside >= max(3, self.dim - 1):
            raise self._wrong(number, inside + self.dim, line)

    def _parse(self, texts: list[bytes], numbers: list[int], tokens: list[bytes]) -> np.ndarray:
        joined = b" ".join(texts)
        size = (len(texts), self.dim)
        if not any(odd in joined for odd in _ODD):
            values = _numbers(joined)
            if values is not None and values.size == size[0] * size[1]:
                return values.reshape(size)
        for text, number, token in zip(texts, numbers, tokens, strict=True):
            fields = text.split(b" ")
            good = sum(1 for field in fields if NUMBER.fullmatch(field))
            if good != self.dim:
                raise self._wrong(number, good, token + b" " + text)
        raise PluxelError(f"{self.name}: cannot read lines {numbers[0]:,} to {numbers[-1]:,}")

    def _wrong(self, number: int, count: int, line: bytes) -> PluxelError:
        hint = ""
        if number == 2 and self._origin == _IN_HEADER and not _is_utf8(line):
            hint = self._hint or "; is it binary?"
        return PluxelError(
            f"{self.name}, line {number:,}: expected {self.dim} numbers, found {count}: "
            f"{_quoted(line)}{hint}"
        )


def _numbers(text: bytes) -> np.ndarray | None:
    """Return the numbers in a text, float32, or None if it contains anything else."""
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy < 2.3 warns of invalid text
        try:
            # Text mode is not deprecated; no other function of numpy is as fast.
            return np.fromstring(text, np.float32, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _quoted(line: bytes) -> str:
    text = line.decode(errors="replace")
    return f"'{text[:60]} …'" if len(text) > 60 else f"'{text}'"
