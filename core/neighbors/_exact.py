"""Cosines in float64 that depend on the row and the query alone, and the best of them in order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.numerics import unit_vectors

CHUNK = 1 << 18
"""Numbers in float64 that are worked on at once; they stay in the cache of a processor."""

_CHUNK_OF_A_DEVICE = 1 << 22

_PAIRS = 1 << 20
"""Pairs of a row and a query that are sorted at once."""

GROUP = 64
"""Rows of which the largest score is looked at first."""

NOTHING = -2.0
"""Stands for the cosine of no row at all: below every cosine and every bound of one."""


Array = TypeVar("Array", Tensor, np.ndarray)


class Neighbors(NamedTuple):
    """The nearest rows, best first; of rows with one cosine the lower comes first.

    ``indices``: (k,) or (Q, k) int64. ``cosines``: float64 of the same shape, in [-1, 1].
    """

    indices: Tensor
    cosines: Tensor


def tree_sum(terms: Array) -> Array:
    """Return the sums over the last axis, (…, D) to (…); ``terms`` is overwritten.

    The last half is added to the first until one is left. So the order of the additions depends on
    D alone, never on the device, the number of threads, or where a row stands in a block: equal
    rows have equal sums, bit for bit.
    """
    width = terms.shape[-1]
    while width > 1:
        half = width // 2
        terms[..., :half] += terms[..., width - half : width]  # pyright: ignore[reportArgumentType]
        width -= half
    return terms[..., 0]


def norms_of(rows: Tensor) -> Tensor:
    """Return the Euclidean norms of (N, D), (N,) float64; by blocks, so memory is bounded.

    Nothing overflows or vanishes, as `squarable` sees to (a norm below 1e-307 has fewer bits, as
    float64 has there).
    """
    step = max(1, CHUNK // rows.shape[1])
    starts = range(0, max(1, len(rows)), step)
    return torch.cat([_norms(rows[start : start + step]) for start in starts])


def _norms(rows: Tensor) -> Tensor:
    lengths = root(tree_sum(squarable(rows).square_()))
    return lengths * _powers(rows) if rows.dtype == torch.float64 else lengths


def root(squares: Array) -> Array:
    """Return the square roots, each the nearest number in float64, on every device."""
    if isinstance(squares, np.ndarray):
        return np.sqrt(squares)
    # torch's own on a processor may be the number beside it, as MKL has it.
    return torch.from_numpy(np.sqrt(squares.numpy())) if squares.is_cpu else squares.sqrt()


def divisor(norms: Array) -> Array:
    """Leave rows of zeros as they are: their cosines are 0."""
    return norms + (norms == 0)  # pyright: ignore[reportReturnType]


def squarable(rows: Tensor) -> Tensor:
    """Return a copy of rows (n, D) in float64, whose squares neither overflow nor vanish.

    Those of float32 do not in float64; a row of float64 is divided by a power of two, exactly.
    """
    return rows / _powers(rows)[:, None] if rows.dtype == torch.float64 else rows.double()


def _powers(rows: Tensor) -> Tensor:
    """Return the power of two at or below the largest size in each row, (n,); 1 for zeros."""
    peaks = rows.abs().amax(1)
    return divisor(peaks / (2 * torch.frexp(divisor(peaks)).mantissa))


def finite_queries(queries: Tensor) -> Tensor:
    """Return queries (Q, D) as `squarable` has them, on the processor.

    Raises: PluxelError for a value that is not a finite number.
    """
    values = squarable(queries.detach().cpu())
    wrong = ~values.isfinite().all(1)
    if bool(wrong.any()):
        raise PluxelError(f"query {int(wrong.nonzero()[0])}: a value is not a finite number")
    return values


def cosines(rows: Array, queries: Array, squares: Array) -> Array:
    """Return the cosines of rows (P, D), which are overwritten, with queries, (P,) float64.

    ``queries``: (P, D) or, for all the same, (1, D), both as `squarable` has them. ``squares``: of
    the queries, (P,) or (1,).

    The root of (x·y)² / ‖x‖² ‖y‖²: where these three are exact, as for whole numbers, the quotient
    is the number nearest to the square of the cosine, and so equal cosines are equal bit for bit.
    That is not so of rows that are divided by their lengths before they are multiplied.
    """
    products = tree_sum(rows * queries)
    rows *= rows  # pyright: ignore[reportOperatorIssue]
    quotients = products * products / divisor(tree_sum(rows) * squares)
    signs = products / divisor(abs(products))  # pyright: ignore[reportArgumentType]
    return root(quotients).clip(0, 1) * signs


@dataclass(frozen=True)
class Rows:
    """Rows ``vectors`` (N, D) and their norms (N,) float64."""

    vectors: Tensor
    norms: Tensor

    @cached_property
    def inverse(self) -> Tensor:
        """Return 1 / norm, (N,) float32, 0 for rows of zeros."""
        return (1 / self.norms.where(self.norms > 0, torch.inf)).float()

    @cached_property
    def ordinary(self) -> bool:
        """Return whether float32 holds rows, inverse norms and their products with all bits."""
        strange = (self.norms > 2.0**60) | ((self.norms < 2.0**-60) & (self.norms > 0))
        return self.vectors.dtype != torch.float64 and not bool(strange.any())

    def unit(self, part: slice | Tensor) -> Tensor:
        """Return rows of unit length, float64."""
        return unit_vectors(self.vectors[part], self.norms[part])

    def cosines(self, numbers: Tensor, queries: Tensor, squares: Tensor) -> Tensor:
        """Return the `cosines` of rows ``numbers`` (P,) with queries."""
        return cosines(squarable(self.vectors[numbers]), queries, squares)


class Best:
    """The best k rows so far of each of Q queries.

    ``queries``: (Q, D) float64, as `squarable` has them. ``indices``, ``cosines``: (Q, k); where
    there are fewer than k rows so far, the cosines end in NOTHING.
    """

    def __init__(self, rows: Rows, queries: Tensor, k: int) -> None:
        self.rows, self.queries = rows, queries
        self.squares = tree_sum(queries * queries)
        self._full = False
        shape = len(queries), k
        self.indices = torch.zeros(shape, dtype=torch.int64, device=queries.device)
        self.cosines = torch.full(shape, NOTHING, dtype=torch.float64, device=queries.device)

    @property
    def unit(self) -> Tensor:
        """Return the queries of unit length; zeros stay zeros."""
        return unit_vectors(self.queries, root(self.squares))

    @property
    def full(self) -> bool:
        """Return whether every query has k rows; once it has, no value is looked at."""
        self._full = self._full or bool((self.thresholds > NOTHING).all())
        return self._full

    @property
    def thresholds(self) -> Tensor:
        """Return the k-th best cosine of each query, (Q,) float64."""
        return self.cosines[:, -1]

    def exact(self, rows: Tensor, queries: Tensor) -> Tensor:
        """Return the cosines of pairs of a row and a query, (P,); both by number, (P,)."""
        chunk = CHUNK if rows.is_cpu else _CHUNK_OF_A_DEVICE
        step = max(1, chunk // self.queries.shape[1])
        parts = zip(rows.split(step), queries.split(step), strict=True)
        alone = len(self.queries) == 1
        found = [
            self.rows.cosines(r, self.queries, self.squares)
            if alone
            else self.rows.cosines(r, self.queries[q], self.squares[q])
            for r, q in parts
        ]
        return found[0] if len(found) == 1 else torch.cat(found)

    def add(self, rows: Tensor, queries: Tensor) -> None:
        """Take pairs of a row and a query (P,) each.

        For every query its rows ascend, and are beyond those that came before. Pairs are taken in
        pieces, so that memory does not grow with their number.
        """
        for some, whose in zip(rows.split(_PAIRS), queries.split(_PAIRS), strict=True):
            self._merge(some, whose, self.exact(some, whose))

    def _merge(self, rows: Tensor, queries: Tensor, cosines: Tensor) -> None:
        count, k = self.indices.shape
        rows = torch.cat([self.indices.flatten(), rows])
        cosines = torch.cat([self.cosines.flatten(), cosines])
        # Stable sorts: of one query and one cosine, the lower row stays first.
        order = cosines.sort(descending=True, stable=True).indices
        if count == 1:
            order = order[:k]
        else:
            numbers = torch.arange(count, device=queries.device)
            queries = torch.cat([numbers.repeat_interleave(k), queries])[order]
            queries, again = queries.sort(stable=True)
            first = torch.searchsorted(queries, numbers)
            places = first[:, None] + torch.arange(k, device=first.device)
            order = order[again[places.flatten()]]
        self.indices = rows[order].view(count, k)
        self.cosines = cosines[order].view(count, k)
