"""Words by number and numbers by word, over three arrays that can be mapped from a file.

400,000 Python strings take a second to make and 40 MB to keep in every process; a blob of bytes
takes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import overload

import numpy as np

from ...registry import PluxelError

ENCODING = "utf-8"
_ERRORS = "surrogateescape"
"""Words that are no UTF-8 come back as they were, where a reader lets them pass."""


class Vocabulary(Sequence[str]):
    """N distinct words in order: ``vocabulary[i]`` is a word, ``vocabulary.stoi[word]`` its number.

    ``blob``: uint8, all words one after the other. ``offsets``: (N + 1,) int64, where each begins.
    ``hashes``: (N,) int64, of the words, sorted; ``order``: (N,) int64, whose hash each is.
    """

    def __init__(
        self, blob: np.ndarray, offsets: np.ndarray, hashes: np.ndarray, order: np.ndarray
    ) -> None:
        self._blob, self._offsets, self._hashes, self._order = blob, offsets, hashes, order
        self.stoi: Mapping[str, int] = _Numbers(self)

    @classmethod
    def of(cls, words: Sequence[str]) -> Vocabulary:
        """Return the vocabulary of these words. Raises: PluxelError if one occurs twice."""
        tokens = [encode(word) for word in words]
        hashes = hash_words(tokens)
        if (repeats := repeated(tokens, hashes)).size:
            raise PluxelError(f"the word {words[repeats[0]]!r} occurs twice")
        return cls.from_arrays(vocabulary_arrays(tokens, hashes))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Vocabulary:
        """Return the vocabulary of what `vocabulary_arrays` made."""
        return cls(*(arrays[name] for name in ("blob", "offsets", "hashes", "order")))

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"word {index} of {len(self)}")
        return self._token(place).decode(ENCODING, _ERRORS)

    def __contains__(self, word: object) -> bool:
        return word in self.stoi

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} words)"

    def index(self, value: str, start: int = 0, stop: int | None = None) -> int:
        """Return the number of a word. Raises: ValueError if it is not there."""
        place = self.stoi.get(value)
        if place is None or place not in range(len(self))[start:stop]:
            raise ValueError(f"{value!r} is not in the vocabulary")
        return place

    def find(self, word: str) -> int | None:
        """Return the number of a word, or None."""
        token = _encoded(word)
        return None if token is None else self._find(token, _hash(token))

    def find_many(self, words: Iterable[str]) -> set[int]:
        """Return the numbers of those words that are there."""
        tokens = [token for word in words if (token := _encoded(word)) is not None]
        codes = hash_words(tokens)
        ends = (np.searchsorted(self._hashes, codes, side) for side in ("left", "right"))
        there = np.flatnonzero(np.not_equal(*ends))
        found = (self._find(tokens[i], int(codes[i])) for i in there)
        return {number for number in found if number is not None}

    def _find(self, token: bytes, code: int) -> int | None:
        place = int(np.searchsorted(self._hashes, code))
        while place < len(self._hashes) and self._hashes[place] == code:
            number = int(self._order[place])
            if self._token(number) == token:
                return number
            place += 1
        return None

    def _token(self, place: int) -> bytes:
        return self._blob[self._offsets[place] : self._offsets[place + 1]].tobytes()


class _Numbers(Mapping[str, int]):
    """``stoi``: the vocabulary the other way round."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def __getitem__(self, word: str) -> int:
        place = self._words.find(word) if isinstance(word, str) else None
        if place is None:
            raise KeyError(word)
        return place

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)


def encode(word: str) -> bytes:
    """Return a word as the blob holds it.

    Raises: PluxelError for half of a surrogate pair, which no file holds.
    """
    try:
        return word.encode(ENCODING, _ERRORS)
    except UnicodeEncodeError as error:
        raise PluxelError(f"{word!r} is no text: {error.reason}") from error


def _encoded(word: str) -> bytes | None:
    with suppress(PluxelError):
        return encode(word)
    return None


def hash_words(tokens: Sequence[bytes]) -> np.ndarray:
    """Return a stable hash of each word, (N,) int64."""
    return np.fromiter(map(_hash, tokens), np.int64, len(tokens))


def repeated(tokens: Sequence[bytes], hashes: np.ndarray) -> np.ndarray:
    """Return the places of words that stood before, ascending: all but the first of each."""
    order = np.argsort(hashes, kind="stable")
    alike = np.flatnonzero(np.diff(hashes[order]) == 0)
    again: list[int] = []
    seen: set[bytes] = set()
    for place in alike:  # a run of equal hashes, its first one included
        seen.add(tokens[order[place]])
        following = int(order[place + 1])
        if tokens[following] in seen:
            again.append(following)
    return np.array(sorted(again), np.int64)


def vocabulary_arrays(tokens: Sequence[bytes], hashes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a vocabulary of distinct words by name."""
    order = np.argsort(hashes, kind="stable")
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    return {
        "blob": np.frombuffer(b"".join(tokens), np.uint8),
        "offsets": np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        "hashes": hashes[order],
        "order": order.astype(np.int64),
    }


def _hash(token: bytes) -> int:
    # Python's own hash is another one in every process.
    return int.from_bytes(blake2b(token, digest_size=8).digest(), "little", signed=True)
