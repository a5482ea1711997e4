"""Exact nearest neighbors by cosine: one query or many, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import PluxelError
from ._blocks import scan
from ._compact import Compact
from ._exact import Best, Neighbors, Rows, finite_queries, norms_of
from ._excluded import Allowed, Exclude, ExcludedRows, excluded_rows
from ._one_query import SingleSearch
from ._scores import CompactScores, FullScores, RowScores, has_fast_halves

_QUERIES = 1024
"""Queries that are answered in one pass over the rows."""

_FEW = 8
"""Queries that are answered sooner one by one."""

_SMALL = 1 << 13
"""Rows that are read as quickly as their codes."""


class CosineIndex:
    """Rows that are searched by cosine; what it finds is what float64 would find.

    ``vectors``: (N, D), any floating point type, on any device; mapped ones are not read here.
    ``norms``: (N,) float64, their Euclidean norms, computed in float64 if not given. ``compact``:
    the compact copy of the same rows, which makes single queries faster on a processor.

    Rows are filtered by fast scores with a proven bound (`Compact`, `FullScores`); those that can
    be among the best are compared in float64. Several threads may search at once.

    Raises: PluxelError for shapes that do not fit, and for a row that is not finite.
    """

    def __init__(
        self, vectors: Tensor, *, norms: Tensor | None = None, compact: Compact | None = None
    ) -> None:
        if not _is_matrix(vectors):
            raise PluxelError(
                f"vectors are a tensor (N, D), floating point, not {_described(vectors)}"
            )
        self.vectors = vectors.detach()
        self.norms = _checked(norms_of(self.vectors) if norms is None else norms, vectors)
        self.rows = Rows(self.vectors, self.norms)
        self.compact = compact
        shape = len(vectors), vectors.shape[1]
        if compact and (len(compact.codes), len(compact.basis)) != shape:
            raise PluxelError(
                f"the compact copy is of rows {(len(compact.codes), len(compact.basis))}, "
                f"the vectors are {shape}"
            )
        fast = compact and vectors.is_cpu and len(vectors) > _SMALL
        self._one_query = SingleSearch(vectors, compact) if compact and fast else None

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

        Vectors of zeros have the cosine 0 with everything. ``exclude``: rows that are not to be
        found, for all queries, or a sequence of them for each. ``allowed``: rows that may be
        found, a mask (N,) bool or their numbers.

        Raises: PluxelError for k below 1 or above the number of rows that may be found, a query of
        another dimension or one that is not finite, rows that are not there.
        """
        batch = finite_queries(self.checked(queries))
        left_out = excluded_rows(len(self), len(batch), k, exclude, allowed, self.vectors.device)
        shape = (*queries.shape[:-1], k)
        if len(batch) == 1:
            indices, cosines = self._search(batch, k, left_out, 0)
            return Neighbors(indices.view(shape), cosines.view(shape))
        indices = self.norms.new_empty((len(batch), k), dtype=torch.int64)
        cosines = self.norms.new_empty((len(batch), k))
        step = 1 if self._one_query and len(batch) <= _FEW else _QUERIES
        for start in range(0, len(batch), step):
            part = slice(start, start + step)
            indices[part], cosines[part] = self._search(batch[part], k, left_out, start)
        return Neighbors(indices.view(shape), cosines.view(shape))

    def checked(self, queries: Tensor) -> Tensor:
        """Return queries as (Q, D). Raises: PluxelError for another dimension than the rows'."""
        dim = self.vectors.shape[1]
        if not isinstance(queries, Tensor) or queries.shape[-1:] != (dim,) or queries.ndim > 2:
            raise PluxelError(
                f"queries are a tensor ({dim},) or (Q, {dim}), as the rows, "
                f"not {_described(queries)}"
            )
        return queries.reshape(-1, dim)

    def _search(self, batch: Tensor, k: int, left_out: ExcludedRows, start: int) -> Neighbors:
        if self._one_query and len(batch) == 1:
            excluded, allowed = left_out.rows[start], left_out.allowed
            found = self._one_query.search(batch.numpy(), k, excluded, allowed)
            if found:
                return found
        device = self.vectors.device
        best = Best(self.rows, batch.to(device), k)
        unit = best.unit
        full = FullScores(self.rows, unit)
        scan(best, self._quick(unit), full, left_out.pairs(start, len(batch), device))
        return Neighbors(best.indices, best.cosines)

    def _quick(self, queries: Tensor) -> RowScores | None:
        """Return scores of many queries by the compact copy, where they cost less."""
        compact = self._one_query and self._one_query.compact
        if not compact or len(queries) == 1:
            return None
        half, narrow = has_fast_halves(), 3 * compact.basis.shape[1] < 2 * queries.shape[1]
        return CompactScores(compact, queries, half) if half or narrow else None


def _is_matrix(rows: object) -> bool:
    if not isinstance(rows, Tensor) or not rows.is_floating_point():
        return False
    return rows.ndim == 2 and rows.shape[1] > 0


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
        bad = int((~norms.isfinite()).nonzero()[0])
        raise PluxelError(f"row {bad}: a value is not a finite number, or its length is not")
    return norms


def knn(W: Tensor, x: Tensor, k: int) -> tuple[Tensor, Tensor]:  # noqa: N803 - as the book has it
    """Return indices and cosines of the k rows of ``W`` (N, D) nearest to ``x`` (D,) or (Q, D).

    In the order of arguments of Dive into Deep Learning, section 15.7. The norms of all rows are
    computed for every call: for more than one, keep a `CosineIndex`.
    """
    return CosineIndex(W).search(x, k)
