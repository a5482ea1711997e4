"""Find exact nearest neighbors by cosine, for one query or many, on any device."""

from __future__ import annotations

from typing import Any
from weakref import ref

import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.torch_private import version_of
from ._blocks import is_many, queries_per_pass, scan
from ._compact import Compact
from ._exact import Best, Neighbors, Rows, finite_queries, norms_of
from ._excluded import Allowed, Exclude, ExcludedRows, excluded_rows
from ._one_query import SingleSearch
from ._scores import CompactScores, FullScores, RowScores, has_fast_halves

_FEW = 8
"""Up to this many queries, searching one by one is faster."""

_recent: list[tuple[ref[Tensor], CosineIndex]] = []
"""The last tensor that `knn` searched and its index, while the tensor exists."""

_SMALL = 1 << 13
"""Up to this many rows, reading the rows is as fast as reading their codes."""


class CosineIndex:
    """An index for exact search by cosine; results equal those of a search in float64.

    ``vectors``: (N, D), any floating-point type, on any device. Memory-mapped vectors are not read
    here if ``norms`` are given. ``norms``: the Euclidean norms, (N,) float64, computed in float64
    if not given. ``compact``: the compact copy of the same rows, which makes single queries faster
    on the CPU.

    A search filters rows by fast scores with a proven bound (`Compact`, `FullScores`), and compares
    in float64 those that can be among the best. Several threads may search at once. After a change
    of the vectors by PyTorch, the next search computes the norms again and drops ``compact``.

    Raises: PluxelError for shapes that do not match, and for a row that is not finite.
    """

    _one_by_one = False
    """Whether to search for one query after the other."""

    def __init__(
        self, vectors: Tensor, *, norms: Tensor | None = None, compact: Compact | None = None
    ) -> None:
        is_floating = isinstance(vectors, Tensor) and vectors.is_floating_point()
        if not is_floating or vectors.ndim != 2 or not vectors.shape[1]:
            raise PluxelError(
                f"vectors must be a floating-point tensor (N, D), not {_described(vectors)}"
            )
        self.vectors = vectors.detach()
        shape = len(vectors), vectors.shape[1]
        if compact and (len(compact.codes), len(compact.basis)) != shape:
            raise PluxelError(
                f"the compact copy is for rows {(len(compact.codes), len(compact.basis))}, "
                f"but the vectors are {shape}"
            )
        self._prepare(norms, compact)

    def _prepare(self, norms: Tensor | None, compact: Compact | None) -> None:
        """Keep what describes the present values of the rows."""
        vectors = self.vectors
        self._version = version_of(vectors)
        self.norms = _checked(norms_of(vectors) if norms is None else norms, vectors)
        self.rows = Rows(vectors, self.norms)
        self.compact = compact
        fast = compact and vectors.is_cpu and len(vectors) > _SMALL
        self._one_query = SingleSearch(vectors, compact) if compact and fast else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy, whose vectors count their changes anew."""
        vars(self).update(state)
        self._version = version_of(self.vectors)

    def renew(self) -> None:
        """Compute the norms again if the values of the rows have changed, as by training."""
        if version_of(self.vectors) != self._version:
            self._prepare(None, None)

    def __len__(self) -> int:
        return len(self.vectors)

    @torch.no_grad()
    def search(
        self,
        queries: Tensor,
        k: int,
        *,
        exclude: Exclude = (),
        allowed: Allowed | None = None,
    ) -> Neighbors:
        """Return the k rows with the highest cosine, for a query (D,) or for each of (Q, D).

        A vector of zeros has the cosine 0 with every vector. ``exclude``: numbers of rows to
        exclude for all queries, or one sequence of numbers for each query. ``allowed``: the rows to
        search, a mask (N,) bool or their numbers.

        Raises: PluxelError if k is below 1 or above the number of available rows, if a query has
        another dimension or is not finite, or if a row in ``exclude`` or ``allowed`` does not
        exist.
        """
        self.renew()
        batch = finite_queries(self.checked(queries))
        left_out = excluded_rows(len(self), len(batch), k, exclude, allowed, self.vectors.device)
        shape = (*queries.shape[:-1], k)
        if len(batch) == 1:
            indices, cosines = self._search(batch, k, left_out, 0)
            return Neighbors(indices.view(shape), cosines.view(shape))
        indices = self.norms.new_empty((len(batch), k), dtype=torch.int64)
        cosines = self.norms.new_empty((len(batch), k))
        step = queries_per_pass(len(self), k, self.vectors.device)
        if self._one_by_one or (self._one_query and len(batch) <= _FEW):
            step = 1
        for start in range(0, len(batch), step):
            part = slice(start, start + step)
            indices[part], cosines[part] = self._search(batch[part], k, left_out, start)
        return Neighbors(indices.view(shape), cosines.view(shape))

    def checked(self, queries: Tensor) -> Tensor:
        """Return queries as (Q, D). Raises: PluxelError if D differs from that of the rows."""
        dim = self.vectors.shape[1]
        if not isinstance(queries, Tensor) or queries.shape[-1:] != (dim,) or queries.ndim > 2:
            raise PluxelError(
                f"queries must be a tensor ({dim},) or (Q, {dim}) to match the rows, "
                f"not {_described(queries)}"
            )
        return queries.reshape(-1, dim)

    def _search(self, batch: Tensor, k: int, left_out: ExcludedRows, start: int) -> Neighbors:
        if self._one_query and len(batch) == 1:
            excluded, allowed = left_out.rows[start], left_out.allowed
            neighbors = self._one_query.search(batch.numpy(), k, excluded, allowed)
            if neighbors:
                return neighbors
        device = self.vectors.device
        best = Best(self.rows, batch.to(device), k)
        unit = best.unit
        full = FullScores(self.rows, unit)
        quick = None if is_many(k) else self._quick(unit)
        scan(best, quick, full, left_out.pairs(start, len(batch), device))
        return Neighbors(best.indices, best.cosines)

    def _quick(self, queries: Tensor) -> RowScores | None:
        """Return scores of many queries by the compact copy, or None if they are not faster."""
        compact = self._one_query and self._one_query.compact
        if not compact or len(queries) == 1:
            return None
        half, narrow = has_fast_halves(), 3 * compact.basis.shape[1] < 2 * queries.shape[1]
        return CompactScores(compact, queries, half) if half or narrow else None


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {value.dtype}"
    return type(value).__name__


def _checked(norms: Tensor, vectors: Tensor) -> Tensor:
    if norms.shape != vectors.shape[:1] or norms.dtype != torch.float64:
        raise PluxelError(
            f"norms must be ({len(vectors)},) float64, not {tuple(norms.shape)} {norms.dtype}"
        )
    if len(norms) and not bool(norms.max().isfinite()):
        row = int((~norms.isfinite()).nonzero()[0])
        raise PluxelError(f"row {row} has a value or a norm that is not finite")
    return norms


def knn(W: Tensor, x: Tensor, k: int) -> tuple[Tensor, Tensor]:  # noqa: N803 - the book's name
    """Return indices and cosines of the k rows of ``W`` (N, D) nearest to ``x`` (D,) or (Q, D).

    The arguments have the order of Dive into Deep Learning, section 15.7. The norms of the rows are
    kept for the next call while the tensor ``W`` exists and PyTorch does not change it. They are
    not kept for the memory of NumPy arrays, whose changes PyTorch does not count.
    """
    for tensor, index in _recent:
        if tensor() is W:
            return index.search(x, k)
    index = CosineIndex(W)
    if version_of(W) is not None and W.untyped_storage().resizable():  # not of NumPy
        _recent[:] = [(ref(W, lambda _: _recent.clear()), index)]
    return index.search(x, k)
