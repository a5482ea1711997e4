"""Approximate indexes through faiss, an extra, with exact cosines of the rows that they find."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError, needed_by
from ..common.logs import logger
from ..common.torch_private import version_of
from ._compact import Compact
from ._exact import Best, Neighbors
from ._excluded import Allowed, Exclude, ExcludedRows
from ._index import CosineIndex
from ._kept import file_of, load_or_build

IndexKind = Literal["exact", "faiss_hnsw", "faiss_ivf"]
"""The search method."""

_BLOCKS = {"faiss_hnsw": 1 << 12, "faiss_ivf": 1 << 16}
"""Rows added at a time: a second or two."""


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
    keep_in: Path | None = None,
) -> Index:
    """Return an index of rows (N, D); for ``norms`` and ``compact``, see `CosineIndex`.

    ``faiss_hnsw``: a graph with ``links`` per row, searched ``ef_search`` wide (Malkov and
    Yashunin, PAMI 2020). ``faiss_ivf``: ``lists`` clusters, 4 √N by default, of which a search
    reads ``probes``. Both are approximate: they may miss rows. ``keep_in``: the folder in which to
    keep such an index, so that the same rows need not be indexed again.

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
    if kind not in get_args(IndexKind):
        raise PluxelError(f"unknown index '{kind}'. Available: {', '.join(get_args(IndexKind))}")
    faiss, count = _faiss(), len(exact)
    if kind == "faiss_hnsw":
        build = _hnsw
        built_with = {"links": links, "ef_construction": ef_construction}
        searched_with = {"efSearch": ef_search}
    else:
        build = _ivf
        built_with = {"lists": min(lists or round(4 * count**0.5), count)}
        searched_with = {"nprobe": min(probes, built_with["lists"])}
    if keep_in is None:
        return FaissIndex(exact, build(exact, **built_with), searched_with)
    facts = {**built_with, "faiss": faiss.__version__}
    path = file_of(keep_in, kind, exact.vectors, facts)
    shape = count, exact.vectors.shape[1]
    index = load_or_build(path, shape, faiss, lambda: build(exact, **built_with))
    return FaissIndex(exact, index, searched_with)


class FaissIndex(CosineIndex):
    """An approximate index on the CPU; the rows that it finds have exact cosines and order.

    ``exact``: the exact index of the same rows. An exact search answers queries for which faiss
    finds fewer than k rows, which happens if few rows are allowed.
    """

    _one_by_one = True

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
    return _filled(index, exact, "faiss_hnsw")


def _ivf(exact: CosineIndex, lists: int) -> Any:
    faiss = _faiss()
    dim = exact.vectors.shape[1]
    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # do not warn about few rows
    step = max(1, len(exact) // (64 * lists))
    index.train(_unit(exact, slice(None, None, step)))
    return _filled(index, exact, "faiss_ivf")


def _filled(index: Any, exact: CosineIndex, kind: str) -> Any:
    from ..common.progress import track  # noqa: PLC0415 - exact indexes show none

    count, step = len(exact), _BLOCKS[kind]
    logger.info("building the index %s of %s rows", kind, f"{count:,}")
    with track(f"building {kind}", -(-count // step)) as advance:
        for start in range(0, count, step):
            index.add(_unit(exact, slice(start, start + step)))
            advance()
    return index


def _unit(exact: CosineIndex, part: slice) -> np.ndarray:
    return exact.rows.unit(part).float().numpy()


def _faiss() -> Any:
    with needed_by("an approximate index"):
        import faiss  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
    return faiss
