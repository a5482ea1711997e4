"""Find nearest neighbors by cosine: exact ones on any device, approximate ones through faiss."""

from __future__ import annotations

from ._compact import Compact
from ._exact import Neighbors
from ._excluded import Exclude
from ._faiss import FaissIndex, Index, IndexKind, build_index
from ._index import CosineIndex, knn

__all__ = [
    "Compact",
    "CosineIndex",
    "Exclude",
    "FaissIndex",
    "Index",
    "IndexKind",
    "Neighbors",
    "build_index",
    "knn",
]
