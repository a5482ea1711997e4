"""Words near to a word, a phrase or a vector, and words that complete an analogy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.devices import choose_device
from ..common.numerics import unit_vectors
from ..contracts.kinds import Embedding
from ..neighbors import Index, IndexKind, build_index
from ._phrases import split_phrase
from ._word_vectors import WordVectors

WordMatch = tuple[str, float]
"""A word and its cosine with the query, in [-1, 1]."""


class Query(NamedTuple):
    """What is looked for: ``vector`` (D,), and the rows ``own`` that are its words themselves."""

    vector: Tensor
    own: tuple[int, ...] = ()


def get_similar_tokens(
    query: str | Tensor, k: int, embedding: Embedding | WordVectors
) -> list[WordMatch]:
    """Return the k words nearest to a word, a phrase or a vector (D,), with their cosines.

    The words of the query itself are left out (Dive into Deep Learning, section 15.7). For many
    queries, a `WordSearch` answers them together.

    Raises: UnknownWordError with the nearest spellings; PluxelError for k below 1 or above the
    number of words, and for a vector of zeros.
    """
    search = WordSearch(WordVectors.of(embedding))
    wanted = (
        Query(_directed(query, "the query")) if isinstance(query, Tensor) else search.word(query)
    )
    return search.nearest([wanted], k)[0]


def analogy(a: str, b: str, c: str, k: int, embedding: Embedding | WordVectors) -> list[WordMatch]:
    """Return the k words that best complete "a is to b as c is to …", with their cosines.

    The nearest to b − a + c of unit vectors, a, b and c left out: 3CosAdd (Mikolov, Yih & Zweig
    2013; Levy & Goldberg 2014, equation 3).

    Raises: as `get_similar_tokens`.
    """
    search = WordSearch(WordVectors.of(embedding))
    return search.nearest([search.analogy(a, b, c)], k)[0]


@dataclass(frozen=True)
class WordSearch:
    """Words, and the index in which they are looked for; by default the exact one, where they are.

    Queries are made first, one by one, so that a misspelled word spoils no other query; then
    `nearest` answers any number of them together.
    """

    words: WordVectors
    index: Index | None = None

    @classmethod
    def build(
        cls, embedding: Embedding | WordVectors, index: IndexKind = "exact", device: str = "cpu"
    ) -> WordSearch:
        """Return the search that a configuration asks for; ``auto`` is a CUDA device, or the cpu.

        Raises: PluxelError for a device that is not there, and where faiss is asked for and is not
        installed, or on a device.
        """
        words, there = WordVectors.of(embedding), choose_device(device)
        if index == "exact" and there == words.vectors.device:
            return cls(words)
        rows, norms = words.vectors.to(there), words.norms.to(there)
        return cls(words, build_index(rows, index, norms=norms))

    def word(self, text: str) -> Query:
        """Return the query for a word or a phrase.

        Raises: UnknownWordError; PluxelError if its vector is zeros.
        """
        return Query(_directed(self.words.vector(text), f"'{text}'"), self._rows(text))

    def analogy(self, a: str, b: str, c: str) -> Query:
        """Return the query for what is to c as b is to a.

        Raises: UnknownWordError; PluxelError if a vector is zeros.
        """
        queries = [self.word(text) for text in (a, b, c)]
        first, second, third = (unit_vectors(one.vector) for one in queries)
        own = tuple(row for one in queries for row in one.own)
        return Query(_directed(second - first + third, f"{b} − {a} + {c}"), own)

    def nearest(
        self,
        queries: Sequence[Query],
        k: int,
        *,
        exclude: Sequence[str] = (),
        first: int | None = None,
    ) -> list[list[WordMatch]]:
        """Return for each query its k nearest words, best first, and their cosines.

        ``exclude``: words that are not to be found. ``first``: only so many words, those that
        come first, which occur most often, are to be found.

        Raises: UnknownWordError for a word of ``exclude``; PluxelError for k below 1 or above the
        number of words that may be found, and for ``first`` below 1.
        """
        if first is not None and first < 1:
            raise PluxelError(f"first = {first}: among one word at least is to be looked")
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
        """Return the rows of the words that a text consists of, those that have one."""
        stoi = self.words.stoi
        return tuple(stoi[part] for part in split_phrase(text, stoi) if part in stoi)

    def _row(self, word: str) -> int:
        rows = self._rows(word)
        if len(rows) != 1:
            self.words.get_vecs_by_tokens(word)  # says what may be meant
            raise PluxelError(f"'{word}' is no word of the vocabulary, so it cannot be left out")
        return rows[0]


def _directed(vector: Tensor, name: str) -> Tensor:
    if not bool(vector.any()):
        raise PluxelError(f"the vector of {name} is all zeros: no word is nearer than another")
    return vector
