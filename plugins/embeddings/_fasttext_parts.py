"""fastText's subword hashes, for many words at a time.

Bojanowski, Grave, Joulin, Mikolov: "Enriching Word Vectors with Subword Information", TACL 2017,
section 3.2. A word is written ``<word>``. Its subwords are all runs of ``minn`` to ``maxn``
characters, except ``<`` and ``>`` alone. The hash of a subword selects one of ``bucket`` rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

END_OF_SENTENCE = b"</s>"
"""A token without subwords."""

_OFFSET, _PRIME = np.uint32(2_166_136_261), np.uint32(16_777_619)


class Found(NamedTuple):
    """Subword entries: ``word`` (E,), the number of the word, unordered; ``row`` (E,), from 0."""

    word: np.ndarray
    row: np.ndarray


@dataclass(frozen=True)
class Parts:
    """The subwords of a model.

    ``minn``, ``maxn``: fewest and most characters of a subword; maxn is 0 for a model without
    subwords. ``bucket``: rows for subword hashes. ``pruned``: (P, 2) int32, the hash and row of
    each kept subword, or None if the model is not pruned.
    """

    minn: int
    maxn: int
    bucket: int
    pruned: np.ndarray | None = None

    def __bool__(self) -> bool:
        is_left = self.pruned is None or len(self.pruned) > 0
        return is_left and self.maxn > 0 and self.maxn >= self.minn

    def of(self, words: Sequence[bytes]) -> Found:
        """Return the subword rows of words, given as UTF-8 or any other bytes."""
        bounded = [b"" if word == END_OF_SENTENCE else b"<%b>" % word for word in words]
        if not self or not any(bounded):
            return Found(np.zeros(0, np.int64), np.zeros(0, np.int64))
        word, hashes = self._hashes(bounded)
        rows = (hashes % np.uint32(self.bucket)).astype(np.int64)
        if self.pruned is None:
            return Found(word, rows)
        kept, numbers = self._left
        at = np.searchsorted(kept, rows, "right") - 1
        there = kept[at] == rows
        return Found(word[there], numbers[at[there]])

    @cached_property
    def _left(self) -> np.ndarray:
        """Hashes, ascending, and rows of the subwords that a pruned model keeps, (2, P) int64."""
        pruned = np.zeros((0, 2), np.int64) if self.pruned is None else self.pruned.astype(np.int64)
        # The last occurrence of a hash counts, as in the library's table.
        return np.ascontiguousarray(pruned[np.argsort(pruned[:, 0], kind="stable")].T)

    def _hashes(self, words: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Return the word of each subword, and its hash (FNV-1a, 32 bits).

        The hash sign-extends bytes: 0x80 becomes 0xFFFFFF80.
        """
        data = np.frombuffer(b"".join(words), np.int8)
        lengths = np.array([len(word) for word in words])
        ends = lengths.cumsum()
        within = (data.view(np.uint8) & 0xC0) == 0x80  # continuation bytes of a character
        values = data.astype(np.int32).view(np.uint32)
        owner = np.repeat(np.arange(len(words)), lengths)
        begin, end = (ends - lengths)[owner], ends[owner]
        # One run starts at each character; all runs grow by one byte per step.
        first = np.flatnonzero(~within)
        word, begin, end = owner[first], begin[first], end[first]
        last, size = first.copy(), np.zeros(len(first), np.int64)
        hashes = np.full(len(first), _OFFSET)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        while len(first):
            hashes = (hashes ^ values[last]) * _PRIME
            last = last + 1
            at_end = last == end
            # The byte after the end belongs to another word or to none.
            whole = at_end | ~within[np.where(at_end, 0, last)]
            size = size + whole
            alone = (size == 1) & ((first == begin) | at_end)
            good = whole & (size >= self.minn) & ~alone
            found.append((word[good], hashes[good]))
            on = ~at_end & (size < self.maxn)
            first, last, size, hashes = first[on], last[on], size[on], hashes[on]
            word, begin, end = word[on], begin[on], end[on]
        return np.concatenate([w for w, _ in found]), np.concatenate([h for _, h in found])
