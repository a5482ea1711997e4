"""Words by number and numbers by word, in arrays that can be memory-mapped from a file.

400,000 Python strings cost a second and 40 MB in every process; mapped bytes cost neither.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from typing import Literal, overload

import numpy as np

from ...registry import PluxelError

ENCODING = "utf-8"
_ERRORS = "surrogateescape"
"""Words that are not UTF-8, if a reader accepts them, come back unchanged."""

_FIRST = 50_000
"""Words, the most frequent ones, whose accents tell how a vocabulary writes them."""


class Vocabulary(Sequence[str]):
    """N distinct words in order: ``vocabulary[i]`` is a word, ``vocabulary.stoi[word]`` its number.

    A word is found in any form of its accents, composed, decomposed or mixed (Unicode NFC is
    compared). If the vocabulary has several forms of it, the one as given counts, then the composed
    one, then the first.

    ``blob``: uint8, all words concatenated. ``offsets``: (N + 1,) int64, the start of each word.
    ``hashes``: (N,) int64, the sorted hashes of the composed words. ``order``: (N,) int64, the word
    of each hash.
    """

    def __init__(
        self, blob: np.ndarray, offsets: np.ndarray, hashes: np.ndarray, order: np.ndarray
    ) -> None:
        self._blob, self._offsets, self._hashes, self._order = blob, offsets, hashes, order
        self.stoi: Mapping[str, int] = _Numbers(self)

    @classmethod
    def of(cls, words: Sequence[str]) -> Vocabulary:
        """Return the vocabulary of these words.

        Raises: PluxelError if one occurs twice or is not a string.
        """
        for number, word in enumerate(words):
            if not isinstance(word, str):
                raise PluxelError(
                    f"word {number} is {word!r}, but words must be strings (pandas reads 'null' "
                    "and 'nan' as numbers, unless keep_default_na=False)"
                )
        tokens = [encode(word) for word in words]
        hashes = hash_words(tokens)
        if (repeats := repeated(tokens, hashes)).size:
            raise PluxelError(f"the word {words[repeats[0]]!r} occurs twice")
        return cls.from_arrays(vocabulary_arrays(tokens, hashes))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Vocabulary:
        """Return the vocabulary over the arrays that `vocabulary_arrays` returned."""
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
        """Return the number of a word. Raises: ValueError if it is not in the vocabulary."""
        place = self.stoi.get(value)
        if place is None or place not in range(len(self))[start:stop]:
            raise ValueError(f"{value!r} is not in the vocabulary")
        return place

    def find(self, word: str) -> int | None:
        """Return the number of a word, or None."""
        token = _encoded(word)
        return None if token is None else self._find(token, _hash(token))

    def find_many(self, words: Iterable[str]) -> set[int]:
        """Return the numbers of the words that are in the vocabulary, as `find` does for one."""
        tokens = [token for word in words if (token := _encoded(word)) is not None]
        codes = hash_words(tokens)
        ends = (np.searchsorted(self._hashes, codes, side) for side in ("left", "right"))
        candidates = np.flatnonzero(np.not_equal(*ends))
        found = (self._find(tokens[i], int(codes[i])) for i in candidates)
        return {number for number in found if number is not None}

    def in_own_form(self, word: str) -> str:
        """Return a word with its accents as most words of the vocabulary have them."""
        return word if word.isascii() else unicodedata.normalize(self._form, word)

    @cached_property
    def _form(self) -> Literal["NFC", "NFD"]:
        """The form of most of the first words that differ in NFC and NFD; NFC without any."""
        composed = decomposed = 0
        for word in self[:_FIRST]:
            if not word.isascii():
                is_composed, is_decomposed = (
                    unicodedata.is_normalized(form, word) for form in ("NFC", "NFD")
                )
                composed += is_composed and not is_decomposed
                decomposed += is_decomposed and not is_composed
        return "NFD" if decomposed > composed else "NFC"

    def _find(self, token: bytes, code: int) -> int | None:
        same = _composed(token)
        others: list[int] = []
        place = int(np.searchsorted(self._hashes, code))
        while place < len(self._hashes) and self._hashes[place] == code:
            number = int(self._order[place])
            stored = self._token(number)
            if stored == token:
                return number
            if _composed(stored) == same:
                others.insert(0 if stored == same else len(others), number)
            place += 1
        return others[0] if others else None

    def _token(self, place: int) -> bytes:
        return self._blob[self._offsets[place] : self._offsets[place + 1]].tobytes()


class _Numbers(Mapping[str, int]):
    """``stoi``: the number of each word."""

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


def _composed(token: bytes) -> bytes:
    """Return a word of the blob in NFC: each accent and its letter as one character."""
    if token.isascii():
        return token
    text = token.decode(ENCODING, _ERRORS)
    return unicodedata.normalize("NFC", text).encode(ENCODING, _ERRORS)


def encode(word: str) -> bytes:
    """Return a word as the blob stores it.

    Raises: PluxelError for a lone surrogate, which no file can contain.
    """
    try:
        return word.encode(ENCODING, _ERRORS)
    except UnicodeEncodeError as error:
        raise PluxelError(f"{word!r} is not valid text: {error.reason}") from error


def _encoded(word: str) -> bytes | None:
    with suppress(PluxelError):
        return encode(word)
    return None


def hash_words(tokens: Sequence[bytes]) -> np.ndarray:
    """Return a stable hash of each word, (N,) int64, the same for all forms of its accents."""
    return np.fromiter(map(_hash, tokens), np.int64, len(tokens))


def repeated(tokens: Sequence[bytes], hashes: np.ndarray) -> np.ndarray:
    """Return the places of repeated words, ascending: all occurrences but the first."""
    order = np.argsort(hashes, kind="stable")
    alike = np.flatnonzero(np.diff(hashes[order]) == 0)
    again: list[int] = []
    seen: set[bytes] = set()
    for place in alike:  # pairs of neighbors with equal hashes
        seen.add(tokens[order[place]])
        following = int(order[place + 1])
        if tokens[following] in seen:
            again.append(following)
    return np.array(sorted(again), np.int64)


def vocabulary_arrays(tokens: Sequence[bytes], hashes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a vocabulary of distinct words, by name."""
    order = np.argsort(hashes, kind="stable")
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    return {
        "blob": np.frombuffer(b"".join(tokens), np.uint8),
        "offsets": np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        "hashes": hashes[order],
        "order": order.astype(np.int64),
    }


def _hash(token: bytes) -> int:
    # Python's own hash differs from process to process.
    code = blake2b(_composed(token), digest_size=8).digest()
    return int.from_bytes(code, "little", signed=True)
