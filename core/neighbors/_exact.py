"""Compute cosines in float64 that depend only on the row and the query, and keep the best."""

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
"""Float64 numbers to process at once on the CPU; they fit in its cache."""

_DEVICE_CHUNK = 1 << 22

_PAIRS = 1 << 20
"""Pairs of a row and a query to sort at once."""

GROUP = 64
"""Rows in a group; the largest score of a group is compared first."""

NO_COSINE = -2.0
"""The placeholder for a missing row, below every cosine and every bound."""


Array = TypeVar("Array", Tensor, np.ndarray)


class Neighbors(NamedTuple):
    """The nearest rows, best first; rows with equal cosines are in ascending order.

    ``indices``: (k,) or (Q, k) int64. ``cosines``: float64 of the same shape, in [-1, 1].
    """

    indices: Tensor
    cosines: Tensor


def tree_sum(terms: Array) -> Array:
    """Return the sums over the last axis, (…, D) to (…); ``terms`` is overwritten.

    The second half is added to the first until one number is left. The order of the additions
    therefore depends only on D, and not on the device, the number of threads or the position of a
    row in a block. Equal rows have equal sums, bit for bit.
    """
    width = terms.shape[-1]
    while width > 1:
        half = width // 2
        terms[..., :half] += terms[..., width - half : width]  # pyright: ignore[reportArgumentType]
        width -= half
    return terms[..., 0]


def norms_of(rows: Tensor) -> Tensor:
    """Return the Euclidean norms of rows (N, D), (N,) float64, in blocks to bound memory.

    `squarable` prevents overflow and underflow. Norms below 1e-307 are denormal numbers with fewer
    bits.
    """
    step = max(1, CHUNK // rows.shape[1])
    starts = range(0, max(1, len(rows)), step)
    return torch.cat([_norms(rows[start : start + step]) for start in starts])


def _norms(rows: Tensor) -> Tensor:
    lengths = root(tree_sum(squarable(rows).square_()))
    return lengths * _powers(rows) if rows.dtype == torch.float64 else lengths


def root(squares: Array) -> Array:
    """Return the correctly rounded square roots in float64, on every device."""
    if isinstance(squares, np.ndarray):
        return np.sqrt(squares)
    # On the CPU, torch uses MKL, whose roots may differ in the last bit.
    return torch.from_numpy(np.sqrt(squares.numpy())) if squares.is_cpu else squares.sqrt()


def divisor(norms: Array) -> Array:
    """Replace norms of 0 by 1, so that rows of zeros have cosines of 0."""
    return norms + (norms == 0)  # pyright: ignore[reportReturnType]


def squarable(rows: Tensor) -> Tensor:
    """Return a copy of rows (n, D) in float64 whose squares neither overflow nor underflow.

    Squares of float32 numbers fit in float64; rows in float64 are divided by a power of two, which
    is exact.
    """
    return rows / _powers(rows)[:, None] if rows.dtype == torch.float64 else rows.double()


def _powers(rows: Tensor) -> Tensor:
    """Return the largest power of two not above the peak of each row, (n,); 1 for zeros."""
    peaks = rows.abs().amax(1)
    return divisor(peaks / (2 * torch.frexp(divisor(peaks)).mantissa))


def finite_queries(queries: Tensor) -> Tensor:
    """Return queries (Q, D) scaled by `squarable`, on the CPU.

    Raises: PluxelError for a value that is not finite.
    """
    values = squarable(queries.detach().cpu())
    invalid = ~values.isfinite().all(1)
    if bool(invalid.any()):
        raise PluxelError(f"query {int(invalid.nonzero()[0])} has a value that is not finite")
    return values


def cosines(rows: Array, queries: Array, squares: Array) -> Array:
    """Return the cosines of rows (P, D) with queries, (P,) float64; ``rows`` is overwritten.

    ``queries``: (P, D), or (1, D) for the same query in every pair. Rows and queries must be scaled
    by `squarable`. ``squares``: the squared norms of the queries, (P,) or (1,).

    The cosine is the root of (x·y)² / ‖x‖² ‖y‖². If these three numbers are exact, as they are for
    integers, the quotient is the square of the cosine, correctly rounded, so that equal cosines are
    equal bit for bit. Dividing rows by their norms before multiplying them would not achieve this.
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
        """1 / norm, (N,) float32; 0 for rows of zeros."""
        return (1 / self.norms.where(self.norms > 0, torch.inf)).float()

    @cached_property
    def ordinary(self) -> bool:
        """Whether float32 represents rows, inverse norms and their products with all bits."""
        extreme = (self.norms > 2.0**60) | ((self.norms < 2.0**-60) & (self.norms > 0))
        return self.vectors.dtype != torch.float64 and not bool(extreme.any())

    def unit(self, part: slice | Tensor) -> Tensor:
        """Return the selected rows at unit length, float64."""
        return unit_vectors(self.vectors[part], self.norms[part])

    def cosines(self, numbers: Tensor, queries: Tensor, squares: Tensor) -> Tensor:
        """Return the `cosines` of the rows with ``numbers`` (P,) with queries."""
        return cosines(squarable(self.vectors[numbers]), queries, squares)


class Best:
    """The best k rows so far for each of Q queries.

    ``queries``: (Q, D) float64, scaled by `squarable`. ``indices``, ``cosines``: (Q, k); with fewer
    than k rows so far, the cosines end in NO_COSINE.
    """

    def __init__(self, rows: Rows, queries: Tensor, k: int) -> None:
        self.rows, self.queries = rows, queries
        self.squares = tree_sum(queries * queries)
        self._full = False
        shape = len(queries), k
        self.indices = torch.zeros(shape, dtype=torch.int64, device=queries.device)
        self.cosines = torch.full(shape, NO_COSINE, dtype=torch.float64, device=queries.device)

    @property
    def unit(self) -> Tensor:
        """The queries at unit length; zeros stay zeros."""
        return unit_vectors(self.queries, root(self.squares))

    @property
    def full(self) -> bool:
        """Whether every query has k rows; once True, later calls do not wait for the device."""
        self._full = self._full or bool((self.thresholds > NO_COSINE).all())
        return self._full

    @property
    def thresholds(self) -> Tensor:
        """The k-th best cosine of each query, (Q,) float64."""
        return self.cosines[:, -1]

    def exact(self, rows: Tensor, queries: Tensor) -> Tensor:
        """Return the cosines of pairs, (P,), given the numbers of rows and queries, (P,) each."""
        chunk = CHUNK if rows.is_cpu else _DEVICE_CHUNK
        step = max(1, chunk // self.queries.shape[1])
        parts = zip(rows.split(step), queries.split(step), strict=True)
        single = len(self.queries) == 1
        results = [
            self.rows.cosines(r, self.queries, self.squares)
            if single
            else self.rows.cosines(r, self.queries[q], self.squares[q])
            for r, q in parts
        ]
        return results[0] if len(results) == 1 else torch.cat(results)

    def add(self, rows: Tensor, queries: Tensor) -> None:
        """Add pairs, given the numbers of rows and queries, (P,) each.

        For every query, the rows must be in ascending order and after all rows added before. Pairs
        are processed in parts, so that memory does not grow with their number.
        """
        for part, part_queries in zip(rows.split(_PAIRS), queries.split(_PAIRS), strict=True):
            self._merge(part, part_queries, self.exact(part, part_queries))

    def _merge(self, rows: Tensor, queries: Tensor, cosines: Tensor) -> None:
        count, k = self.indices.shape
        rows = torch.cat([self.indices.flatten(), rows])
        cosines = torch.cat([self.cosines.flatten(), cosines])
        # Stable sorts keep the lower row first if two rows have the same cosine.
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
