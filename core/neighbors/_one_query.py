"""One query on a processor: few bytes are read, and few calls are made."""

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
"""One row in so many may be compared exactly before reading all rows is cheaper."""


class Memory(threading.local):
    """Products of all rows, kept from one search to the next; every thread has its own."""

    def __init__(self, count: int) -> None:
        self.groups = torch.full((-(-count // GROUP), GROUP), -torch.inf, dtype=torch.float64)
        self.each = self.groups.numpy()
        self.products = self.each.reshape(-1)[:count]

    def __reduce__(self) -> tuple[type, tuple[int]]:
        """Let an index be copied and sent to processes: what it remembers is of no use there."""
        return type(self), (len(self.products),)


class SingleSearch:
    """Searches rows (N, D) with codes of a compact copy in int8, whose products are exact.

    In numpy, whose calls cost a fraction of torch's: what is not the product takes a tenth of it.
    """

    def __init__(self, vectors: Tensor, compact: Compact) -> None:
        self.vectors, self.compact = vectors, compact
        self.codes = compact.codes.numpy()
        self.memory = Memory(len(self.codes))

    def search(
        self, query: np.ndarray, k: int, excluded: Collection[int], allowed: Tensor | None
    ) -> Neighbors | None:
        """Return the best k rows for a query (1, D) float64, as `squarable` has it.

        None where the codes leave so many rows that reading all of them is no slower.
        """
        memory, count = self.memory, len(self.codes)
        square = tree_sum(query * query)
        unit = query[0] / divisor(root(square))
        codes, scale, slack = quantize(self.compact, unit)
        multiply(codes, self.codes, memory.products)
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
        found = self._cosines(rows, query, square)
        order = (-found).argsort(kind="stable")[:k]
        return Neighbors(torch.from_numpy(rows[order]), torch.from_numpy(found[order]))

    def _cosines(self, rows: np.ndarray, query: np.ndarray, square: np.ndarray) -> np.ndarray:
        step = max(1, CHUNK // query.shape[1])
        parts = (rows[start : start + step] for start in range(0, len(rows), step))
        found = [cosines(self._rows(part), query, square) for part in parts]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _rows(self, numbers: np.ndarray) -> np.ndarray:
        return squarable(self.vectors.index_select(0, torch.from_numpy(numbers))).numpy()


def quantize(compact: Compact, query: np.ndarray) -> tuple[np.ndarray, float, float]:
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
