"""Nearest words of a word, a phrase or a vector, and words that complete an analogy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.devices import choose_device
from ..common.logs import logger
from ..common.numerics import unit_vectors
from ..contracts.kinds import Embedding
from ..neighbors import Index, IndexKind, build_index
from ._cache import SOURCES, cache_folder
from ._phrases import split_phrase
from ._word_vectors import StoredVectors, WordVectors

WordMatch = tuple[str, float]
"""A word and its cosine with the query, in [-1, 1]."""


class Query(NamedTuple):
    """``vector`` (D,) to search for, and ``own``, the rows of the query's own words."""

    vector: Tensor
    own: tuple[int, ...] = ()


def get_similar_tokens(
    query: str | Tensor, k: int, embedding: Embedding | WordVectors
) -> list[WordMatch]:
    """Return the k words nearest to a word, a phrase or a vector (D,), with their cosines.

    The words of the query itself are excluded (Dive into Deep Learning, section 15.7). To answer
    many queries together, use a `WordSearch`.

    Raises: UnknownWordError with the nearest spellings; PluxelError for k below 1 or above the
    number of words, and for a zero vector.
    """
    search = WordSearch(WordVectors.of(embedding))
    if isinstance(query, Tensor):
        return search.nearest([Query(_nonzero(query, "the query"))], k)[0]
    return search.nearest([search.word(query)], k)[0]


def analogy(a: str, b: str, c: str, k: int, embedding: Embedding | WordVectors) -> list[WordMatch]:
    """Return the k words that best complete "a is to b as c is to …", with their cosines.

    They are nearest to b − a + c of the unit vectors; a, b and c are excluded. This is 3CosAdd
    (Mikolov, Yih & Zweig 2013; Levy & Goldberg 2014, equation 3).

    Raises: as `get_similar_tokens`.
    """
    search = WordSearch(WordVectors.of(embedding))
    return search.nearest([search.analogy(a, b, c)], k)[0]


def index_folder(words: WordVectors) -> Path:
    """Return the folder of kept indexes: in the cache that holds the words, or in the usual one."""
    place = words.store.path.parent if isinstance(words, StoredVectors) else None
    # A store that the user converted may be in any folder.
    is_cache = place is not None and (place / SOURCES).is_dir()
    return (place if place and is_cache else cache_folder()) / "indexes"


def _index_folder_if_any(words: WordVectors) -> Path | None:
    """Return the folder of kept indexes; None, with a warning, if there is no place for a cache."""
    try:
        return index_folder(words)
    except PluxelError as error:
        logger.warning("the index is not kept: %s", error)
        return None


@dataclass(frozen=True)
class WordSearch:
    """Words and the index to search; by default the exact index, on the device of the vectors.

    Make the queries one by one, so that a misspelled word affects no other query. Then `nearest`
    answers any number of them together.
    """

    words: WordVectors
    index: Index | None = None

    @classmethod
    def build(
        cls, embedding: Embedding | WordVectors, index: IndexKind = "exact", device: str = "cpu"
    ) -> WordSearch:
        """Return a search with this index; the device ``auto`` is CUDA if available, else the CPU.

        An approximate index is kept in the cache.

        Raises: PluxelError for a device that is not available, and for a faiss index without faiss
        or on a device other than the CPU.
        """
        words, chosen = WordVectors.of(embedding), choose_device(device)
        if index == "exact" and chosen == words.vectors.device:
            return cls(words)
        rows, norms = words.vectors.to(chosen), words.norms.to(chosen)
        folder = None if index == "exact" else _index_folder_if_any(words)
        return cls(words, build_index(rows, index, norms=norms, keep_in=folder))

    def word(self, text: str) -> Query:
        """Return the query for a word or a phrase.

        Raises: UnknownWordError; PluxelError if its vector is all zeros.
        """
        return Query(_nonzero(self.words.vector(text), f"'{text}'"), self._rows(text))

    def analogy(self, a: str, b: str, c: str) -> Query:
        """Return the query for "a is to b as c is to …".

        Raises: UnknownWordError; PluxelError if a vector is all zeros.
        """
        queries = [self.word(text) for text in (a, b, c)]
        first, second, third = (unit_vectors(one.vector) for one in queries)
        own = tuple(row for one in queries for row in one.own)
        return Query(_nonzero(second - first + third, f"{b} − {a} + {c}"), own)

    def nearest(
        self,
        queries: Sequence[Query],
        k: int,
        *,
        exclude: Sequence[str] = (),
        first: int | None = None,
    ) -> list[list[WordMatch]]:
        """Return the k nearest words of each query, best first, and their cosines.

        ``exclude``: words never to return. ``first``: search only this many words, the first and
        most frequent of the vocabulary.

        Raises: UnknownWordError for an unknown word in ``exclude``; PluxelError for k below 1 or
        above the number of candidates, and for ``first`` below 1.
        """
        if first is not None and first < 1:
            raise PluxelError(f"first must be at least 1, not {first}")
        if not queries:
            return []
        excluded = [self._row(word) for word in exclude]
        found = (self.index or self.words.index).search(
            torch.stack([one.vector.double() for one in queries]),
            k,
            exclude=[[*one.own, *excluded] for one in queries],
            allowed=None if first is None else torch.arange(min(first, len(self.words))),
        )
        return [
            [(self.words.itos[row], cosine) for row, cosine in zip(rows, cosines, strict=True)]
            for rows, cosines in zip(found.indices.tolist(), found.cosines.tolist(), strict=True)
        ]

    def _rows(self, text: str) -> tuple[int, ...]:
        """Return the rows of the words of a text that are in the vocabulary."""
        stoi = self.words.stoi
        return tuple(stoi[part] for part in split_phrase(text, stoi) if part in stoi)

    def _row(self, word: str) -> int:
        rows = self._rows(word)
        if len(rows) != 1:
            self.words.get_vecs_by_tokens(word)  # the error suggests spellings
            raise PluxelError(f"'{word}' is not a single word, so it cannot be excluded")
        return rows[0]


def _nonzero(vector: Tensor, name: str) -> Tensor:
    if not bool(vector.any()):
        raise PluxelError(f"the vector of {name} is all zeros, so it has no nearest words")
    return vector
