"""Word vectors, backed by a store or by arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError, did_you_mean
from ..common.numerics import unit_vectors
from ..common.text import excerpt
from ..common.torch_private import version_of
from ..contracts.kinds import Embedding
from ..neighbors import Compact, CosineIndex
from ._phrases import normalized, spelled, split_phrase
from ._spelling import suggestions
from ._store import Store
from ._vocabulary import Vocabulary

Unknown = Literal["error", "zero", "mean", "subword"]
"""What a word without a vector gives: an error, zeros, the mean of all words, or the vector of its
subwords, if the model has them."""


class UnknownWordError(PluxelError):
    """A word that has no vector."""


class WordVectors:
    """Words and their vectors.

    ``itos``: the words in order. ``stoi``: the number of each. ``vectors``: (N, D) float32,
    memory-mapped if they come from a store; do not write to them. ``dim``: D. ``norms``: (N,)
    float64. ``mean``: (D,) float64, the mean of all rows. ``unknown``: what `vector` returns for
    words without a vector.
    """

    has_subwords: bool = False
    """Whether words outside the vocabulary also have vectors, from their subwords."""

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
            choices = ", ".join(get_args(Unknown))
            raise PluxelError(f"unknown: '{unknown}' is not one of {choices}.{hint}")
        if unknown == "subword" and not self.has_subwords:
            choices = ", ".join(one for one in get_args(Unknown) if one != "subword")
            raise PluxelError(
                "unknown: subword needs a model with subword vectors, such as a fastText .bin; "
                f"this embedding supports {choices}"
            )
        if not isinstance(vectors, Tensor):
            raise PluxelError(f"vectors must be a tensor (N, D), not {type(vectors).__name__}")
        if vectors.ndim != 2 or len(vectors) != len(words):
            raise PluxelError(f"{len(words)} words do not fit vectors {tuple(vectors.shape)}")
        self.itos = words if isinstance(words, Vocabulary) else Vocabulary.of(words)
        self.stoi: Mapping[str, int] = self.itos.stoi
        self.vectors = vectors.detach().float()
        self.dim = vectors.shape[1]
        self.unknown: Unknown = unknown
        self._norms, self._mean, self._compact = norms, mean, compact
        self._version = version_of(self.vectors)

    @classmethod
    def of(cls, embedding: Embedding | WordVectors) -> WordVectors:
        """Return any embedding as word vectors; word vectors are returned unchanged.

        Raises: PluxelError if the object is not an embedding.
        """
        if isinstance(embedding, WordVectors):
            return embedding
        if not isinstance(embedding, Embedding):
            kind = type(embedding).__name__
            raise PluxelError(
                f"an embedding must have stoi, itos, vectors and dim; a {kind} does not"
            )
        vectors = embedding.vectors
        if not isinstance(vectors, Tensor):
            # Not `as_tensor`, which copies to the default device, even to meta.
            vectors = torch.from_numpy(np.asarray(vectors))
        if vectors.shape[1:] != (embedding.dim,):
            raise PluxelError(f"dim is {embedding.dim}, but the vectors are {tuple(vectors.shape)}")
        words = Vocabulary.of(embedding.itos)
        rows = [embedding.stoi.get(word, -1) for word in embedding.itos]
        if any(not 0 <= row < len(vectors) for row in rows):
            word = next(
                w for w, row in zip(words, rows, strict=True) if not 0 <= row < len(vectors)
            )
            raise PluxelError(f"stoi gives no row of the vectors for the word '{excerpt(word)}'")
        if rows != [*range(len(vectors))]:  # the order of the words is not that of the rows
            vectors = vectors[rows]
        return WordVectors(words, vectors)

    @property
    def norms(self) -> Tensor:
        """The Euclidean norm of each vector, (N,) float64."""
        self.index.renew()
        return self.index.norms

    @property
    def mean(self) -> Tensor:
        """The mean of all vectors, (D,) float64."""
        self._drop_stale()
        if self._mean is None:
            self._mean = self.vectors.mean(0, dtype=torch.float64)
        return self._mean

    @cached_property
    def index(self) -> CosineIndex:
        """The exact index of nearest neighbors by cosine."""
        self._drop_stale()
        return CosineIndex(self.vectors, norms=self._norms, compact=self._compact)

    def _drop_stale(self) -> None:
        """Drop what describes earlier values of the vectors, if PyTorch has changed them."""
        if (version := version_of(self.vectors)) != self._version:
            self._version, self._norms, self._mean, self._compact = version, None, None, None

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, word: object) -> bool:
        return word in self.stoi

    def __getitem__(self, text: str) -> Tensor:
        return self.vector(text)

    def vector(self, text: str) -> Tensor:
        """Return the vector of a word or a phrase, (D,) float32.

        A word in the vocabulary, as spelled or in lowercase, has its own vector. If ``unknown`` is
        ``subword``, every text without a space counts as a word, as spelled. Other text is split
        into words (`split_phrase`). Its vector is the mean of their unit vectors, so that a word
        with a larger norm does not count more. ``unknown`` decides about unknown words.

        Raises: UnknownWordError with the nearest spellings, if ``unknown`` is ``error``;
        PluxelError if ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise PluxelError(f"a word must be a string, not {type(text).__name__}")
        if text not in self.stoi:
            text = normalized(text)
        if " " not in text and (found := self.known(text)) is not None:
            return found
        return self._mean_of(split_phrase(text, self.stoi), text)

    def name_vector(self, name: str) -> Tensor:
        """Return the vector of a class name, (D,) float32.

        Like `vector`, but also split run-together words (``signsymbol``).
        """
        return self._mean_of(split_phrase(name, self.stoi, run_together=True), name)

    def known(self, word: str) -> Tensor | None:
        """Return the vector of one word, (D,) float32, or None if it has none.

        If ``unknown`` is ``subword``, every word has a vector.
        """
        place = self.stoi.get(word)
        return None if place is None else self.vectors[place]

    def known_of(self, words: Sequence[str]) -> list[Tensor | None]:
        """Return the result of `known` for each word."""
        return [self.known(word) for word in words]

    def get_vecs_by_tokens(
        self, tokens: str | Iterable[str], lower_case_backup: bool = False
    ) -> Tensor:
        """Return the vectors of words as torchtext does: (D,) for a string, (n, D) for a list.

        ``lower_case_backup``: if a word is not in the vocabulary, look up its lowercase form.
        ``unknown`` decides about words in neither form. Phrases are not split.
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
        """Return the vector of a word, which is part of ``text``."""
        vector = self.known(word)
        if vector is not None:
            return vector
        if self.unknown == "zero":
            return self.vectors.new_zeros(self.dim)
        if self.unknown == "mean":
            return self.mean.float()
        hint = (text and self._hint(text)) or self._hint(word)
        raise UnknownWordError(f"'{excerpt(word)}' is not one of the {len(self):,} words.{hint}")

    def _hint(self, word: str) -> str:
        near = [f"'{one}'" for one in suggestions(word, self.itos)]
        return f" Did you mean {' or '.join(near)}?" if near else ""


class StoredVectors(WordVectors):
    """Word vectors backed by a store, with the norms, mean and compact copy that it holds.

    Another process gets the path of the store and the attributes of a subclass; it maps the same
    memory, and computes cached properties again.
    """

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

    def __getstate__(self) -> dict[str, Any]:
        """Return what ``__init__`` does not take from the store."""
        mapped = vars(StoredVectors(self.store)).keys() - {"store", "unknown"}
        return {
            name: value
            for name, value in vars(self).items()
            if name not in mapped
            and not isinstance(getattr(type(self), name, None), cached_property)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the store again."""
        vars(self).update(state)
        StoredVectors.__init__(self, state["store"], unknown=state["unknown"])
