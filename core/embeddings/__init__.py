"""Word vectors: memory-mapped stores, words and phrases, neighbors, analogies, evaluation."""

from __future__ import annotations

from ._archives import ByteStream, SeveralFiles, is_packed, unpacked_stream
from ._cache import cache_folder, cached_store, content_hash
from ._downloads import Download, fetch
from ._evaluation import WHERE_SETS_ARE, AnalogyScores, PairScores, Tally, evaluate
from ._export import Format, blocks_of, files_of, format_of, write_vectors
from ._names import name_vectors
from ._offers import Offered, find_offer, offered
from ._phrases import split_phrase
from ._plane import plane
from ._queries import Query, WordMatch, WordSearch, analogy, get_similar_tokens
from ._readers import reader_of
from ._store import Store, StoreWriter, is_store, open_store, writing
from ._summary import Summary, summarize
from ._vocabulary import Vocabulary
from ._word_vectors import StoredVectors, Unknown, UnknownWordError, WordVectors

__all__ = [
    "WHERE_SETS_ARE",
    "AnalogyScores",
    "ByteStream",
    "Download",
    "Format",
    "Offered",
    "PairScores",
    "Query",
    "SeveralFiles",
    "Store",
    "StoreWriter",
    "StoredVectors",
    "Summary",
    "Tally",
    "Unknown",
    "UnknownWordError",
    "Vocabulary",
    "WordMatch",
    "WordSearch",
    "WordVectors",
    "analogy",
    "blocks_of",
    "cache_folder",
    "cached_store",
    "content_hash",
    "evaluate",
    "fetch",
    "files_of",
    "find_offer",
    "format_of",
    "get_similar_tokens",
    "is_packed",
    "is_store",
    "name_vectors",
    "offered",
    "open_store",
    "plane",
    "reader_of",
    "split_phrase",
    "summarize",
    "unpacked_stream",
    "write_vectors",
    "writing",
]
