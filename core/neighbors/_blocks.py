"""Scan rows by blocks; compare exactly the rows whose bound reaches the best cosines so far."""

from __future__ import annotations

import torch
from torch import Tensor

from ._exact import GROUP, NO_COSINE, Best
from ._excluded import ExcludedPairs
from ._scores import FullScores, RowScores

_STEPS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Scores per block; on the CPU, they fit in its cache."""

_LARGE_STEPS = {"cpu": 1 << 24, "cuda": 1 << 26}
"""Scores per block for many neighbors."""

_QUERIES, _FEWEST = 1024, 16
"""The largest number of queries in one pass over the rows, and the smallest for many neighbors."""

_MANY_NEIGHBORS = 128
"""From this k on, a pass has few queries and large blocks. A threshold from few rows is low: with
small blocks, several times k rows reach it, and each block has to be merged with the best k.
Bounds of the compact copy leave too many rows then."""

_MANY = 64
"""If more than one row in 64 would be compared exactly, full scores are cheaper."""

_PENDING = 1 << 15
"""The number of pairs that may wait for an exact comparison."""


def is_many(k: int) -> bool:
    """Return whether so many neighbors are wanted that full scores in large blocks are faster."""
    return k >= _MANY_NEIGHBORS


def queries_per_pass(rows: int, k: int, device: torch.device) -> int:
    """Return how many queries to search together for the k nearest of ``rows`` rows."""
    if not is_many(k):
        return _QUERIES
    steps = _LARGE_STEPS.get(device.type, _LARGE_STEPS["cpu"])
    return max(_FEWEST, min(_QUERIES, steps // max(1, rows)))


def scan(best: Best, quick: RowScores | None, full: FullScores, left_out: ExcludedPairs) -> None:
    """Add to ``best`` every row that can be among the best, by blocks.

    If the ``quick`` scores leave too many rows of a block, the scan uses full scores until twice as
    many rows are done, because the thresholds are higher by then. Full scores also filter the rows
    that quick scores leave.
    """
    count, total = len(best.queries), len(best.rows.vectors)
    step = block_rows(count, best.cosines.shape[1], best.queries.device)
    memory = torch.empty(min(step, -(-total // GROUP) * GROUP), count, device=best.queries.device)
    pending, quick_from = Pending(best, full if quick else None), 0
    for start in range(0, total, step):
        rows = min(step, total - start)
        block = memory[: -(-rows // GROUP) * GROUP]
        pairs = None
        if quick and start >= quick_from:
            pairs = candidates(best, quick, left_out, start, rows, block)
            if _MANY * len(pairs[0]) > rows * count:
                pairs, quick_from = None, 2 * (start + rows)
        pending.add(*(pairs or candidates(best, full, left_out, start, rows, block)))
        pending.flush_if_due(start + rows)
    pending.flush()


def candidates(
    best: Best, scores: RowScores, left_out: ExcludedPairs, start: int, rows: int, block: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the rows and queries, (P,) each, of the pairs that can be among the best.

    ``block``: memory for the scores of ``rows`` rows, (rows rounded up to 64, Q).
    """
    scores.write(start, block[:rows])
    block[rows:] = -torch.inf
    left_out.hide(block[:rows], start)
    groups = group_maxima(block)
    if best.full:
        thresholds = best.thresholds
    elif isinstance(scores, FullScores):
        thresholds = lowest(best, block, groups) - scores.slack
    else:
        thresholds = seed(best, block, groups, start)
    numbers, queries = reaching(block, groups, thresholds - scores.slack)
    return numbers + start, queries


def block_rows(queries: int, k: int, device: torch.device) -> int:
    """Return the number of rows in a block for a number of queries and neighbors."""
    steps = _LARGE_STEPS if is_many(k) else _STEPS
    rows = steps.get(device.type, steps["cpu"]) // queries
    return max(rows // GROUP, 1) * GROUP


def group_maxima(scores: Tensor) -> Tensor:
    """Return the largest score of every 64 rows, (B, Q) to (B / 64, Q)."""
    return scores.view(-1, GROUP, scores.shape[1]).amax(1)


def lowest(best: Best, scores: Tensor, groups: Tensor) -> Tensor:
    """Return a score for each query, (Q,) float64, that at least k of the rows reach."""
    k = best.cosines.shape[1]
    if len(scores) < k:
        return best.thresholds
    each = groups if len(groups) >= 2 * k else scores
    found = each.T.topk(k, sorted=False).values.amin(1).double()
    return found.where(found > -torch.inf, NO_COSINE)


def seed(best: Best, scores: Tensor, groups: Tensor, start: int) -> Tensor:
    """Return a first threshold for each query, (Q,): the k-th best cosine of high-scoring rows.

    ``scores``: of the rows from ``start`` on.
    """
    count, k = best.cosines.shape
    if len(scores) < k:
        return best.thresholds
    queries = torch.arange(count, device=scores.device).expand(k, -1)
    if len(groups) >= 4 * k:
        which = groups.topk(k, dim=0).indices
        inside = scores.view(-1, GROUP, count)[which, :, queries].argmax(2)
        rows = which * GROUP + inside
    else:
        rows = scores.topk(k, dim=0).indices
    included = scores.gather(0, rows) > -torch.inf
    rows = (rows + start).clamp(max=len(best.rows.vectors) - 1)
    cosines = best.exact(rows.flatten(), queries.flatten()).view(k, count)
    return cosines.where(included, NO_COSINE).amin(0)


def reaching(scores: Tensor, groups: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows and queries, (P,) each, whose scores reach the limits (Q,).

    For every query, its rows are in ascending order.
    """
    limits = limits.to(scores.dtype)  # a score that reaches a limit also reaches it rounded
    group, query = (groups >= limits).nonzero(as_tuple=True)
    inside = scores.view(-1, GROUP, scores.shape[1])[group, :, query]
    place, row = (inside >= limits[query, None]).nonzero(as_tuple=True)
    return group[place] * GROUP + row, query[place]


class Pending:
    """Pairs that wait for an exact comparison, because sorting few costs as much as sorting many.

    ``sieve``: scores that filter the pairs first, or None if they were used already.
    """

    def __init__(self, best: Best, sieve: FullScores | None) -> None:
        self.best, self.sieve = best, sieve
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.count = self.due = 0

    def add(self, rows: Tensor, queries: Tensor) -> None:
        """Add pairs of rows and queries, (P,) each."""
        self.pairs.append((rows, queries))
        self.count += len(rows)

    def flush_if_due(self, rows: int) -> None:
        """Compare the pairs if there are many, or a third more rows are done than last time."""
        if rows >= self.due or self.count > _PENDING:
            self.flush()
            self.due = rows + rows // 3

    def flush(self) -> None:
        """Compare the pairs exactly."""
        if self.count:
            rows, queries = (torch.cat(parts) for parts in zip(*self.pairs, strict=True))
            if self.sieve and self.best.full:
                limits = self.best.thresholds - self.sieve.slack
                scores = self.sieve.of_pairs(rows, queries)
                reach = scores >= limits.to(scores.dtype)[queries]
                rows, queries = rows[reach], queries[reach]
            self.best.add(rows, queries)
        self.pairs, self.count = [], 0
