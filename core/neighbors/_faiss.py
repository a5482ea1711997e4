"""Approximate indexes through faiss, an extra, with exact cosines of the rows that they find."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError, needed_by
from ..common.torch_private import version_of
from ._compact import Compact
from ._exact import Best, Neighbors
from ._excluded import Allowed, Exclude, ExcludedRows
from ._index import CosineIndex

IndexKind = Literal["exact", "faiss_hnsw", "faiss_ivf"]
"""The search method."""

_BLOCK = 1 << 16


class Index(Protocol):
    """An index that can be searched by cosine."""

    def search(
        self, queries: Tensor, k: int, *, exclude: Exclude = (), allowed: Allowed | None = None
    ) -> Neighbors:
        """Return the k nearest rows; see `CosineIndex.search`."""
        ...


def build_index(
    vectors: Tensor,
    kind: IndexKind = "exact",
    *,
    norms: Tensor | None = None,
    compact: Compact | None = None,
    links: int = 32,
    ef_construction: int = 80,
    ef_search: int = 128,
    lists: int | None = None,
    probes: int = 32,
) -> Index:
    """Return an index of rows (N, D); for ``norms`` and ``compact``, see `CosineIndex`.

    ``faiss_hnsw``: a graph with ``links`` per row, searched ``ef_search`` wide (Malkov and
    Yashunin, PAMI 2020). ``faiss_ivf``: ``lists`` clusters, 4 √N by default, of which a search
    reads ``probes``. Both are approximate: they may miss rows.

    Raises: PluxelError for an unknown kind, for rows that are not on the CPU (faiss only), and if
    faiss is not installed.
    """
    exact = CosineIndex(vectors, norms=norms, compact=compact)
    if kind == "exact":
        return exact
    if not vectors.is_cpu:
        raise PluxelError(
            f"index '{kind}' works only on the CPU, but the rows are on {vectors.device}"
        )
    if kind == "faiss_hnsw":
        return FaissIndex(exact, _hnsw(exact, links, ef_construction), {"efSearch": ef_search})
    if kind == "faiss_ivf":
        number = min(lists or round(4 * len(exact) ** 0.5), len(exact))
        return FaissIndex(exact, _ivf(exact, number), {"nprobe": min(probes, number)})
    raise PluxelError(f"unknown index '{kind}'. Available: exact, faiss_hnsw, faiss_ivf")


class FaissIndex(CosineIndex):
    """An approximate index on the CPU; the rows that it finds have exact cosines and order.

    ``exact``: the exact index of the same rows. An exact search answers queries for which faiss
    finds fewer than k rows, which happens if few rows are allowed.
    """

    _per_pass = 1

    def __init__(self, exact: CosineIndex, index: Any, parameters: dict[str, int]) -> None:
        super().__init__(exact.vectors, norms=exact.norms, compact=exact.compact)
        self._index, self._parameters = index, parameters

    def renew(self) -> None:
        """Search exactly from now on if the values of the rows have changed."""
        if version_of(self.vectors) != self._version:
            self._index = None
        super().renew()

    def _search(self, batch: Tensor, k: int, left_out: ExcludedRows, start: int) -> Neighbors:
        if self._index is None:
            return super()._search(batch, k, left_out, start)
        parameters = self._search_parameters(k, left_out.rows[start], left_out.allowed)
        best = Best(self.rows, batch, k)
        rows = self._index.search(best.unit.float().numpy(), k, params=parameters)[1][0]
        if (rows < 0).any():
            return super()._search(batch, k, left_out, start)
        rows = torch.from_numpy(np.sort(rows))
        best.add(rows, torch.zeros_like(rows))
        return Neighbors(best.indices, best.cosines)

    def _search_parameters(self, k: int, excluded: set[int], allowed: Tensor | None) -> Any:
        faiss = _faiss()
        chosen = dict(self._parameters)
        if "efSearch" in chosen:
            chosen["efSearch"] = max(chosen["efSearch"], k)
        if excluded or allowed is not None:
            mask = np.ones(len(self), bool) if allowed is None else allowed.numpy().copy()
            mask[list(excluded)] = False
            # faiss's selector does not copy the bits; its Python object keeps the array alive.
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        kind = faiss.SearchParametersHNSW if "efSearch" in chosen else faiss.SearchParametersIVF
        return kind(**chosen)


def _hnsw(exact: CosineIndex, links: int, ef_construction: int) -> Any:
    faiss = _faiss()
    index = faiss.IndexHNSWFlat(exact.vectors.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = ef_construction
    return _filled(index, exact)


def _ivf(exact: CosineIndex, lists: int) -> Any:
    faiss = _faiss()
    dim = exact.vectors.shape[1]
    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # do not warn about few rows
    step = max(1, len(exact) // (64 * lists))
    index.train(_unit(exact, slice(None, None, step)))
    return _filled(index, exact)


def _filled(index: Any, exact: CosineIndex) -> Any:
    for start in range(0, len(exact), _BLOCK):
        index.add(_unit(exact, slice(start, start + _BLOCK)))
    return index


def _unit(exact: CosineIndex, part: slice) -> np.ndarray:
    return exact.rows.unit(part).float().numpy()


def _faiss() -> Any:
    with needed_by("an approximate index"):
        import faiss  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
    return faiss
