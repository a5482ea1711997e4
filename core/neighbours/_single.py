"""One query on a processor: few bytes are read, and few calls are made."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection

import numpy as np
import simsimd
import torch
from torch import Tensor

from ._compact import SLACK, Compact
from ._exact import CHUNK, GROUP, Neighbours, Rows, divisor, tree_sum

_MANY = 16
"""One row in so many may be compared exactly before reading all rows is cheaper."""


class Memory(threading.local):
    """Products of all rows, kept from one search to the next; every thread has its own."""

    def __init__(self, count: int) -> None:
        self.groups = torch.full((-(-count // GROUP), GROUP), -torch.inf, dtype=torch.float64)
        self.each = self.groups.numpy()
        self.products = self.each.reshape(-1)[:count]


class SingleSearch:
    """Searches rows (N, D) with codes of a compact copy in int8, whose products are exact.

    In numpy, whose calls cost a fraction of torch's: what is not the product takes a tenth of it.
    The same operations in the same order as in `Rows` give the same cosines, bit for bit.
    """

    def __init__(self, rows: Rows, compact: Compact) -> None:
        self.rows, self.compact = rows, compact
        self.norms, self.codes = rows.norms.numpy(), compact.codes.numpy()
        self.memory = Memory(len(self.codes))

    def search(
        self, query: np.ndarray, k: int, excluded: Collection[int], allowed: Tensor | None
    ) -> Neighbours | None:
        """Return the best k rows for a query (D,) float64 of unit length.

        None where the codes leave so many rows that reading all of them is no slower.
        """
        memory, count = self.memory, len(self.codes)
        codes, scale, slack = quantise(self.compact, query)
        _multiply(codes, self.codes, memory.products)
        if allowed is not None:
            memory.products[~allowed.numpy()] = -np.inf
        if excluded:
            memory.products[list(excluded)] = -np.inf
        groups, each = memory.groups.amax(1).numpy(), memory.each
        if len(groups) < 4 * k:
            return None
        seeds = groups.argpartition(-k)[-k:]
        if groups[seeds].min() == -np.inf:
            return None
        lowest = self._roughly(seeds * GROUP + each[seeds].argmax(1), query).min()
        limit = (lowest - slack) / scale
        reached = np.flatnonzero(groups >= limit)
        place, inside = np.nonzero(each[reached] >= limit)
        if _MANY * len(place) > count:
            return None
        rows = reached[place] * GROUP + inside
        cosines = self._cosines(rows, query)
        order = (-cosines).argsort(kind="stable")[:k]
        return Neighbours(torch.from_numpy(rows[order]), torch.from_numpy(cosines[order]))

    def _roughly(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        """Return cosines of rows (P,), a little too small."""
        vectors = self.rows.vectors.index_select(0, torch.from_numpy(rows)).double().numpy()
        vectors /= divisor(self.norms[rows])[:, None]
        return vectors @ query - SLACK

    def _cosines(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        step = max(1, CHUNK // len(query))
        if len(rows) <= step:
            return self._some_cosines(rows, query)
        parts = (rows[start : start + step] for start in range(0, len(rows), step))
        return np.concatenate([self._some_cosines(part, query) for part in parts])

    def _some_cosines(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        vectors = self.rows.vectors.index_select(0, torch.from_numpy(rows)).double().numpy()
        vectors /= divisor(self.norms[rows])[:, None]
        vectors *= query
        return tree_sum(vectors).clip(-1, 1)


def _multiply(query: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    """Write the products of codes (N, width) with a query (1, width), int8, exact, float64."""
    # float64 is written sooner than int32; and dot is quicker than cdist, but has one thread.
    threads = torch.get_num_threads()
    if threads == 1:
        simsimd.dot(query, codes, out=out)
    else:
        simsimd.cdist(query, codes, "dot", out=out[None], out_dtype="float64", threads=threads)


def quantise(compact: Compact, query: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the query in int8, (1, width), a scale and a slack: the bound that `Compact` derives.

    The cosine of a row is at most scale · (codes of the row · codes of the query) + slack.
    """
    weights = compact.weights(query)
    size = compact.basis.shape[1]
    # A hair more, so that what is rounded up stays within 127.
    step = float(np.abs(weights).max()) / 127 * (1 + 1e-9) or 1.0
    weights /= step
    codes = np.rint(weights)
    codes[size:] = np.ceil(weights[size:])
    lost = weights[:size] - codes[:size]
    slack = SLACK + compact.largest * step * math.sqrt(lost @ lost)
    return codes.astype(np.int8)[None], step, slack
