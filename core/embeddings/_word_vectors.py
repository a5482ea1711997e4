"""Word vectors: what every embedding offers, over a store or over arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError, did_you_mean
from ..common.numerics import unit_vectors
from ..contracts.kinds import Embedding
from ..neighbors import Compact, CosineIndex
from ._phrases import spelled, split_phrase
from ._spelling import suggestions
from ._store import Store
from ._vocabulary import Vocabulary

Unknown = Literal["error", "zero", "mean", "subword"]
"""What stands for a word that has no vector: an error, zeros, the mean of all words, or the vector
that its parts give, where the model knows parts of words."""

_SHOWN = 60
"""Letters of a word that an error has room for."""


def shortened(word: str) -> str:
    """Return as much of a word as an error has room for."""
    return word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"


class UnknownWordError(PluxelError):
    """A word that has no vector."""


class WordVectors:
    """Words and their vectors.

    ``itos``: the words in order. ``stoi``: the number of each. ``vectors``: (N, D) float32, mapped
    where they come from a store; not to be written to. ``dim``: D. ``norms``: (N,) float64.
    ``mean``: (D,) float64, of all rows. ``unknown``: what `vector` gives for other words.
    """

    has_subwords: bool = False
    """Whether words that are not listed have vectors too, made of their parts."""

    def __init__(
        self,
        words: Sequence[str],
        vectors: Tensor,
        *,
        norms: Tensor | None = None,
        mean: Tensor | None = None,
        compact: Compact | None = None,
        unknown: Unknown = "error",
    ) -> None:
        if unknown not in get_args(Unknown):
            hint = did_you_mean(str(unknown), get_args(Unknown))
            raise PluxelError(f"unknown: there is no '{unknown}'.{hint}")
        if unknown == "subword" and not self.has_subwords:
            choices = ", ".join(one for one in get_args(Unknown) if one != "subword")
            raise PluxelError(
                f"unknown: subword needs a model with parts of words, such as a fastText .bin; "
                f"here it is one of {choices}"
            )
        if not isinstance(vectors, Tensor):
            raise PluxelError(f"vectors are a tensor (N, D), not {type(vectors).__name__}")
        if vectors.ndim != 2 or len(vectors) != len(words):
            raise PluxelError(f"{len(words)} words do not fit vectors {tuple(vectors.shape)}")
        self.itos = words if isinstance(words, Vocabulary) else Vocabulary.of(words)
        self.stoi: Mapping[str, int] = self.itos.stoi
        self.vectors = vectors.detach().float()
        self.dim = vectors.shape[1]
        self.unknown: Unknown = unknown
        self._norms, self._mean, self._compact = norms, mean, compact

    @classmethod
    def of(cls, embedding: Embedding | WordVectors) -> WordVectors:
        """Return any embedding as this class; one that is already comes back as it is.

        Raises: PluxelError for what is no embedding.
        """
        if isinstance(embedding, WordVectors):
            return embedding
        if not isinstance(embedding, Embedding):
            kind = type(embedding).__name__
            raise PluxelError(f"an embedding has stoi, itos, vectors and dim; a {kind} has not")
        vectors = embedding.vectors
        # Not `as_tensor`, which copies to the default device, be it one without memory.
        return WordVectors(
            embedding.itos,
            vectors if isinstance(vectors, Tensor) else torch.from_numpy(np.asarray(vectors)),
        )

    @property
    def norms(self) -> Tensor:
        """Return the Euclidean norm of each vector, (N,) float64."""
        return self.index.norms

    @cached_property
    def mean(self) -> Tensor:
        """Return the mean of all vectors, (D,) float64."""
        return self._mean if self._mean is not None else self.vectors.mean(0, dtype=torch.float64)

    @cached_property
    def index(self) -> CosineIndex:
        """Return the exact index of nearest neighbors by cosine."""
        return CosineIndex(self.vectors, norms=self._norms, compact=self._compact)

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, word: object) -> bool:
        return word in self.stoi

    def __getitem__(self, text: str) -> Tensor:
        return self.vector(text)

    def vector(self, text: str) -> Tensor:
        """Return the vector of a word or a phrase, (D,) float32.

        A word has its own, as spelled or in lowercase; where the model knows parts of words
        and ``unknown`` is ``subword``, every text without a space is a word, as it is spelled. What
        else there is is split into words (`split_phrase`); its vector is the mean of their unit
        vectors, so that no word counts more for being longer. ``unknown`` decides on unknown words.

        Raises: UnknownWordError with the nearest spellings, if ``unknown`` is ``error``;
        PluxelError for what is no text.
        """
        if not isinstance(text, str):
            raise PluxelError(f"a word is a string, not {type(text).__name__}")
        if " " not in text and (found := self.known(text)) is not None:
            return found
        return self._mean_of(split_phrase(text, self.stoi), text)

    def name_vector(self, name: str) -> Tensor:
        """Return the vector of the name of a class, (D,) float32.

        As `vector`, but words that are run together (``signsymbol``) are split as well.
        """
        return self._mean_of(split_phrase(name, self.stoi, run_together=True), name)

    def known(self, word: str) -> Tensor | None:
        """Return the vector of one word, (D,) float32, or None if it has none.

        Where the model knows parts of words and ``unknown`` is ``subword``, every word has one.
        """
        place = self.stoi.get(word)
        return None if place is None else self.vectors[place]

    def known_of(self, words: Sequence[str]) -> list[Tensor | None]:
        """Return what `known` does for each of several words."""
        return [self.known(word) for word in words]

    def get_vecs_by_tokens(
        self, tokens: str | Iterable[str], lower_case_backup: bool = False
    ) -> Tensor:
        """Return the vectors of words as torchtext does: (D,) for a string, (n, D) for several.

        ``lower_case_backup``: words that are not there as they are spelled are looked for in small
        letters. For words that are not there at all, ``unknown`` decides; phrases are not split.
        """
        if isinstance(tokens, str):
            return self.get_vecs_by_tokens([tokens], lower_case_backup)[0]
        words = [spelled(one, self.stoi) or one if lower_case_backup else one for one in tokens]
        found = zip(words, self.known_of(words), strict=True)
        rows = [self._one(word) if vector is None else vector for word, vector in found]
        return torch.stack(rows) if rows else self.vectors.new_zeros(0, self.dim)

    def _mean_of(self, words: Sequence[str], text: str) -> Tensor:
        if len(words) == 1:
            return self._one(words[0], text)
        rows = torch.stack([self._one(word, text) for word in words])
        return unit_vectors(rows).mean(0).float()

    def _one(self, word: str, text: str = "") -> Tensor:
        """Return the vector of a word that is a part of ``text``."""
        vector = self.known(word)
        if vector is not None:
            return vector
        if self.unknown == "zero":
            return self.vectors.new_zeros(self.dim)
        if self.unknown == "mean":
            return self.mean.float()
        hint = (text and self._hint(text)) or self._hint(word)
        raise UnknownWordError(f"'{shortened(word)}' is not one of the {len(self):,} words.{hint}")

    def _hint(self, word: str) -> str:
        near = [f"'{one}'" for one in suggestions(word, self.itos)]
        return f" Did you mean {' or '.join(near)}?" if near else ""


class StoredVectors(WordVectors):
    """Word vectors over a store, whose norms, mean and compact copy it brings along."""

    def __init__(self, store: Store, *, unknown: Unknown = "error") -> None:
        super().__init__(
            store.vocabulary,
            store.arrays["vectors"],
            norms=store.arrays["norms"],
            mean=store.arrays["mean"],
            compact=store.compact,
            unknown=unknown,
        )
        self.store = store
