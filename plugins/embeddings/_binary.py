"""word2vec's binary files: a header, then a word, a space and D float32 values for each row.

The format states no lengths of words, and other programs end a word at its first space. gensim
writes phrases with spaces as they are. Where a first space leads to values or words that no file
has, a row is read again: of its spaces, the one counts that makes the most sense of what follows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ...core.authoring import ByteStream, StoreWriter, Words
from ...registry import PluxelError
from ._formats import WORD2VEC

_BLOCK = 1 << 23
_LONGEST = 1 << 16
"""Most bytes of a word."""

_LONGEST_PHRASE = 1 << 10
_MOST_SPACES = 32
"""Most bytes and spaces of a word with spaces."""

_SMALLEST, _LARGEST = 2.0**-40, 2.0**40
"""Range of the absolute values of vectors, apart from 0. Letters taken for float32 are outside:
the last byte of a misread word is a space, so its value is about 2⁻⁶³ or its exponent is random."""

_SPACE = re.compile(b" ")
_ENDS = (b"", b"\n", b"\r\n")
"""What may follow the last row."""

_CONTROL = re.compile(rb"[\0-\x1f\x7f]")


def read_binary(stream: ByteStream, writer: StoreWriter, encoding: str = "utf-8") -> dict[str, str]:
    """Add all rows of a file to a store, in bounded memory. Return the metadata of the store.

    Some writers put a line feed before each word but the first; it is not part of the word.

    Raises: PluxelError, with the place, if the file ends too early or too late, if its header does
    not fit its size, or if a value is not finite.
    """
    header = stream.file.readline(64)
    found = WORD2VEC.fullmatch(header)
    if not found:
        raise PluxelError(
            f"{stream.name} does not begin with a line of its numbers of rows and dimensions"
        )
    rows, dim = int(found[1]), int(found[2])
    smallest = len(header) + rows * (4 * dim + 1)
    if not rows or not dim or (stream.size is not None and smallest > stream.size):
        size = "" if stream.size is None else f", but the file has {stream.size:,} bytes"
        raise PluxelError(
            f"{stream.name}: the header states {rows:,} rows of {dim:,} numbers{size}"
        )
    words = Words(stream.name, encoding)
    reader = _RowReader(stream, len(header), rows, dim, words.encoding)
    step = max(1, _BLOCK // (4 * dim))
    for start in range(0, rows, step):
        tokens, vectors = reader.rows(min(step, rows - start), start)
        writer.add(
            words(tokens, lambda i, s=start: f"row {s + i:,}"),
            vectors,
            lambda i, s=start: f"{stream.name}, row {s + i:,} of {rows:,}",
        )
    reader.end()
    return words.facts()


class _RowPlace(NamedTuple):
    """Positions in the buffer: of the first byte of the word, and of the space that ends it."""

    start: int
    space: int


class _RowReader:
    """Read rows in order, a block at a time."""

    def __init__(
        self, stream: ByteStream, position: int, total: int, dim: int, encoding: str
    ) -> None:
        self.stream, self.total, self.dim, self.encoding = stream, total, dim, encoding
        self._width = 4 * dim
        self._buffer = b""
        self._place = 0
        self._position = position

    def rows(self, count: int, first: int) -> tuple[list[bytes], np.ndarray]:
        """Return words and vectors (count, D) float32; ``first`` is the number of the first row."""
        self._position += self._place
        self._buffer, self._place = self._buffer[self._place :], 0
        rows: list[_RowPlace] = []
        error: PluxelError | None = None
        try:
            for row in range(first, first + count):
                rows.append(self._up_to_first_space(row))
        except PluxelError as caught:
            error = caught
        values = self._values(rows)
        if (sound := self._sound(rows, values)) < len(rows):
            del rows[sound:]
            self._place = self._end(rows[-1].space) if rows else 0
            for row in range(first + sound, first + count):
                rows.append(self._likeliest(row))
            values = self._values(rows)
        elif error:
            raise error
        return [self._token(*row) for row in rows], values

    def end(self) -> None:
        """Check that at most a line feed follows the last row."""
        self._fill(self._place + 20)
        if (rest := self._buffer[self._place : self._place + 20]) not in _ENDS:
            raise self._wrong(
                self.total - 1,
                f"the header states no more rows, but more bytes follow: {rest!r}",
            )

    def _up_to_first_space(self, row: int) -> _RowPlace:
        space = self._buffer.find(b" ", self._place)
        if space < 0:
            self._fill(self._place + _LONGEST)
            space = self._buffer.find(b" ", self._place, self._place + _LONGEST)
        if space < 0:
            raise self._wrong(row, "no space ends its word")
        return self._taken(row, space)

    def _taken(self, row: int, space: int) -> _RowPlace:
        """Move behind the vector that follows a space. Raises: PluxelError if it is truncated."""
        found = _RowPlace(self._place, space)
        end = self._end(space)
        self._fill(end)
        if len(self._buffer) < end:
            self._place = space + 1
            raise self._wrong(row, "its vector is truncated")
        self._place = end
        return found

    def _sound(self, rows: list[_RowPlace], values: np.ndarray) -> int:
        """Return the number of rows before the first that may be misread."""
        odd = np.flatnonzero(_implausible(values).any(1))
        by_value = int(odd[0]) if len(odd) else len(rows)
        tokens = [self._token(*row) for row in rows]
        if self._is_text(b"-".join(tokens)):
            return by_value
        bad = (i for i, token in enumerate(tokens) if not self._is_text(token))
        # The row before may be misread: then this one begins within its vector.
        return min(by_value, max(0, next(bad, len(rows)) - 1))

    def _likeliest(self, row: int) -> _RowPlace:
        """Read a row whose word may contain spaces."""
        start = self._place
        self._fill(start + _LONGEST_PHRASE + self._end(0))
        spaces = [
            found.start() for found in _SPACE.finditer(self._buffer, start, start + _LONGEST_PHRASE)
        ][:_MOST_SPACES]
        others = [space for space in spaces[1:] if self._is_text(self._token(start, space))]
        if not others:
            return self._up_to_first_space(row)
        last = row == self.total - 1
        space = min([spaces[0], *others], key=lambda space: self._oddities(start, space, last))
        return self._taken(row, space)

    def _oddities(self, start: int, space: int, last: bool) -> int:
        """Count what is odd if ``space`` ends the word: values, the word, and what follows."""
        end = self._end(space)
        self._fill(end + _LONGEST_PHRASE)
        if len(self._buffer) < end:
            return self.dim + 3
        odd = int(_implausible(self._values([_RowPlace(start, space)])).sum())
        odd += not self._is_text(self._token(start, space))
        if last:
            return odd + (self._buffer[end : end + 3] not in _ENDS)
        following = self._buffer.find(b" ", end, end + _LONGEST_PHRASE)
        return odd + (following < 0 or not self._is_text(self._token(end, following)))

    def _token(self, start: int, space: int) -> bytes:
        return self._buffer[start:space].removeprefix(b"\n")

    def _is_text(self, token: bytes) -> bool:
        try:
            token.decode(self.encoding)
        except UnicodeDecodeError:
            return False
        return bool(token) and not _CONTROL.search(token)

    def _end(self, space: int) -> int:
        return space + 1 + self._width

    def _values(self, rows: list[_RowPlace]) -> np.ndarray:
        parts = (self._buffer[row.space + 1 : self._end(row.space)] for row in rows)
        return np.frombuffer(b"".join(parts), "<f4").reshape(len(rows), self.dim)

    def _fill(self, stop: int) -> None:
        """Buffer the bytes before ``stop``, or the rest of the file."""
        if len(self._buffer) < stop:
            self._buffer += self.stream.file.read(max(stop - len(self._buffer), _BLOCK))

    def _wrong(self, row: int, what: str) -> PluxelError:
        place = self._position + self._place
        return PluxelError(f"{self.stream.name}: row {row:,}, byte {place:,}: {what}")


def _implausible(values: np.ndarray) -> np.ndarray:
    """Return a mask of values that vectors do not have."""
    sizes = np.abs(values)
    with np.errstate(invalid="ignore"):
        return ~((sizes == 0) | ((sizes >= _SMALLEST) & (sizes <= _LARGEST)))
