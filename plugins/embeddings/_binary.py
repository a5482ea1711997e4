"""word2vec's binary files: a header, then a word, a space and D float32 values for each row."""

from __future__ import annotations

import numpy as np

from ...core.authoring import ByteStream, StoreWriter, Words
from ...registry import PluxelError
from ._formats import WORD2VEC

_BLOCK = 1 << 23
_LONGEST = 1 << 16
"""Most bytes of a word."""


def read_binary(stream: ByteStream, writer: StoreWriter) -> dict[str, str]:
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
    reader = _RowReader(stream, len(header), dim)
    words = Words(stream.name)
    step = max(1, _BLOCK // (4 * dim))
    for start in range(0, rows, step):
        tokens, vectors = reader.rows(min(step, rows - start), start)
        writer.add(
            words(tokens), vectors, lambda i, s=start: f"{stream.name}, row {s + i:,} of {rows:,}"
        )
    reader.end(rows)
    words.warn()
    return {"replaced": str(words.replaced)}


class _RowReader:
    """Read rows in order."""

    def __init__(self, stream: ByteStream, position: int, dim: int) -> None:
        self.stream, self.dim = stream, dim
        self._buffer = b""
        self._place = 0
        self._position = position

    def rows(self, count: int, first: int) -> tuple[list[bytes], np.ndarray]:
        """Return words and vectors (count, D) float32; ``first`` is the number of the first row."""
        tokens: list[bytes] = []
        values: list[bytes] = []
        width = 4 * self.dim
        for row in range(first, first + count):
            space = self._space(row)
            tokens.append(self._buffer[self._place : space].removeprefix(b"\n"))
            self._place = space + 1
            if len(self._buffer) < self._place + width:
                self._fill(width)
            value = self._buffer[self._place : self._place + width]
            if len(value) < width:
                raise self._wrong(row, "its vector is truncated")
            values.append(value)
            self._place += width
        return tokens, np.frombuffer(b"".join(values), "<f4").reshape(count, self.dim)

    def end(self, rows: int) -> None:
        """Check that at most a line feed follows the last row."""
        self._fill(2)
        if (rest := self._buffer[self._place :]) not in {b"", b"\n", b"\r\n"}:
            raise self._wrong(
                rows - 1, f"the header states no more rows, but more bytes follow: {rest[:20]!r}"
            )

    def _space(self, row: int) -> int:
        space = self._buffer.find(b" ", self._place)
        if space < 0:
            self._fill(_LONGEST)
            space = self._buffer.find(b" ", self._place, self._place + _LONGEST)
        if space < 0:
            raise self._wrong(row, "no space ends its word")
        return space

    def _fill(self, needed: int) -> None:
        """Drop consumed bytes, and buffer ``needed`` bytes or the rest of the file."""
        self._position += self._place
        rest = self._buffer[self._place :]
        more = self.stream.file.read(max(needed, _BLOCK)) if len(rest) < needed else b""
        self._buffer, self._place = rest + more, 0

    def _wrong(self, row: int, what: str) -> PluxelError:
        place = self._position + self._place
        return PluxelError(f"{self.stream.name}: row {row:,}, byte {place:,}: {what}")
