"""Search for one query on the CPU, with few bytes read and few calls made."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from ._compact import SLACK, Compact
from ._exact import CHUNK, GROUP, Neighbors, cosines, divisor, root, squarable, tree_sum
from ._products import multiply

_MANY = 16
"""If more than one row in 16 would be compared exactly, reading all rows is cheaper."""


class Memory(threading.local):
    """Memory for the products of all rows, reused between searches; each thread has its own."""

    def __init__(self, count: int) -> None:
        self.groups = torch.full((-(-count // GROUP), GROUP), -torch.inf, dtype=torch.float64)
        self.each = self.groups.numpy()
        self.products = self.each.reshape(-1)[:count]

    def __reduce__(self) -> tuple[type, tuple[int]]:
        """Allow copying and pickling an index; the contents are not needed in the copy."""
        return type(self), (len(self.products),)


class SingleSearch:
    """Searches rows (N, D) by the int8 codes of a compact copy, whose products are exact.

    It uses NumPy, whose calls cost a fraction of torch's; all calls besides the product take about
    a tenth of its time.
    """

    def __init__(self, vectors: Tensor, compact: Compact) -> None:
        self.vectors, self.compact = vectors, compact
        self.memory = Memory(len(compact.codes))

    def search(
        self, query: np.ndarray, k: int, excluded: Collection[int], allowed: Tensor | None
    ) -> Neighbors | None:
        """Return the best k rows for a query (1, D) float64, scaled by `squarable`.

        Return None if the codes leave so many rows that reading all rows is as fast.
        """
        # A view that is kept would dangle once torch moves the tensor to shared memory.
        all_codes = self.compact.codes.numpy()
        memory, count = self.memory, len(all_codes)
        square = tree_sum(query * query)
        unit = query[0] / divisor(root(square))
        codes, scale, slack = quantize(self.compact, unit)
        multiply(codes, all_codes, memory.products)
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
        lowest = self._cosines(seeds * GROUP + each[seeds].argmax(1), query, square).min()
        limit = (lowest - slack) / scale
        reached = np.flatnonzero(groups >= limit)
        place, inside = np.nonzero(each[reached] >= limit)
        if _MANY * len(place) > count:
            return None
        rows = reached[place] * GROUP + inside
        exact = self._cosines(rows, query, square)
        order = (-exact).argsort(kind="stable")[:k]
        return Neighbors(torch.from_numpy(rows[order]), torch.from_numpy(exact[order]))

    def _cosines(self, rows: np.ndarray, query: np.ndarray, square: np.ndarray) -> np.ndarray:
        step = max(1, CHUNK // query.shape[1])
        parts = (rows[start : start + step] for start in range(0, len(rows), step))
        results = [cosines(self._rows(part), query, square) for part in parts]
        return results[0] if len(results) == 1 else np.concatenate(results)

    def _rows(self, numbers: np.ndarray) -> np.ndarray:
        return squarable(self.vectors.index_select(0, torch.from_numpy(numbers))).numpy()


def quantize(compact: Compact, query: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the codes of a query, int8 (1, width), a scale and a slack.

    The cosine of a row is at most scale · (codes of the row · codes of the query) + slack, the
    bound that `Compact` derives.
    """
    weights = compact.weights(query)
    size = compact.basis.shape[1]
    # The step is slightly larger, so that weights rounded up stay within 127.
    step = float(np.abs(weights).max()) / 127 * (1 + 1e-9) or 1.0
    weights /= step
    codes = np.rint(weights)
    codes[size:] = np.ceil(weights[size:])
    error = weights[:size] - codes[:size]
    slack = SLACK + compact.largest * step * math.sqrt(error @ error)
    return codes.astype(np.int8)[None], step, slack
