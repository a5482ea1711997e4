"""Word vectors: stores that are mapped, words and phrases, neighbours, analogies, evaluation."""

from __future__ import annotations

from ._cache import cache_folder, cached_store
from ._names import Embeddings, name_vectors
from ._phrases import split_phrase
from ._store import Store, StoreWriter, open_store, writing
from ._vocabulary import Vocabulary
from ._word_vectors import StoredVectors, Unknown, UnknownWordError, WordVectors

__all__ = [
    "Embeddings",
    "Store",
    "StoreWriter",
    "StoredVectors",
    "Unknown",
    "UnknownWordError",
    "Vocabulary",
    "WordVectors",
    "cache_folder",
    "cached_store",
    "name_vectors",
    "open_store",
    "split_phrase",
    "writing",
]
