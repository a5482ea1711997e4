"""Exact nearest neighbours by cosine, on any device, and approximate ones through faiss."""

from __future__ import annotations

from ._compact import Compact
from ._exact import Neighbours
from ._faiss import FaissIndex, Index, IndexKind, build_index
from ._hidden import Exclude
from ._index import CosineIndex, knn

__all__ = [
    "Compact",
    "CosineIndex",
    "Exclude",
    "FaissIndex",
    "Index",
    "IndexKind",
    "Neighbours",
    "build_index",
    "knn",
]
