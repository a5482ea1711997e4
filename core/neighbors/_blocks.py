"""Rows block by block: those whose bound reaches the best so far are compared exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from ._exact import GROUP, NOTHING, Best
from ._excluded import ExcludedPairs
from ._scores import FullScores, RowScores

_STEPS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Scores of one block: those of a processor stay in its cache."""

_MANY = 64
"""One row in so many may be compared exactly before full scores are cheaper."""

_PENDING = 1 << 15
"""Pairs that may wait to be compared exactly."""


def scan(best: Best, quick: RowScores | None, full: FullScores, left_out: ExcludedPairs) -> None:
    """Bring every row before ``best`` that can be among it, by blocks.

    Where ``quick`` scores leave too many rows of a block, the full scores are taken, until twice
    as many rows are done: thresholds are higher by then. What they leave, full scores sift again.
    """
    count, total = len(best.queries), len(best.rows.vectors)
    step = block_rows(count, best.queries.device)
    memory = torch.empty(min(step, -(-total // GROUP) * GROUP), count, device=best.queries.device)
    pending, quick_from = Pending(best, full if quick else None), 0
    for start in range(0, total, step):
        rows = min(step, total - start)
        block = memory[: -(-rows // GROUP) * GROUP]
        found = None
        if quick and start >= quick_from:
            found = candidates(best, quick, left_out, start, rows, block)
            if _MANY * len(found[0]) > rows * count:
                found, quick_from = None, 2 * (start + rows)
        pending.add(*(found or candidates(best, full, left_out, start, rows, block)))
        pending.flush_if_due(start + rows)
    pending.flush()


def candidates(
    best: Best, scores: RowScores, left_out: ExcludedPairs, start: int, rows: int, block: Tensor
) -> tuple[Tensor, Tensor]:
    """Return pairs of a row of a block and a query, (P,) each, that can be among the best.

    ``block``: memory for the scores, (rows rounded up to 64, Q).
    """
    scores.write(start, block[:rows])
    block[rows:] = -torch.inf
    left_out.hide(block[:rows], start)
    groups = group_maxima(block)
    thresholds = best.thresholds if best.full else seed(best, block, groups, start)
    found, queries = reaching(block, groups, thresholds - scores.slack)
    return found + start, queries


def block_rows(queries: int, device: torch.device) -> int:
    """Return how many rows a block has for that many queries."""
    wanted = _STEPS.get(device.type, _STEPS["cpu"]) // queries
    return max(wanted // GROUP, 1) * GROUP


def group_maxima(scores: Tensor) -> Tensor:
    """Return the largest of each 64 rows, (B, Q) to (B / 64, Q)."""
    return scores.view(-1, GROUP, scores.shape[1]).amax(1)


def seed(best: Best, scores: Tensor, groups: Tensor, start: int) -> Tensor:
    """Return a first threshold of each query, (Q,): the k-th best of rows with high scores.

    ``scores``: of rows ``start`` and on.
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
    seen = scores.gather(0, rows) > -torch.inf
    rows = (rows + start).clamp(max=len(best.rows.vectors) - 1)
    cosines = best.exact(rows.flatten(), queries.flatten()).view(k, count)
    return cosines.where(seen, NOTHING).amin(0)


def reaching(scores: Tensor, groups: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows and queries, (P,) each, whose scores reach the limits (Q,).

    For every query its rows ascend.
    """
    limits = limits.to(scores.dtype)  # a score that reaches a limit reaches it rounded as well
    group, query = (groups >= limits).nonzero(as_tuple=True)
    inside = scores.view(-1, GROUP, scores.shape[1])[group, :, query]
    place, row = (inside >= limits[query, None]).nonzero(as_tuple=True)
    return group[place] * GROUP + row, query[place]


class Pending:
    """Pairs that wait to be compared exactly: sorting them costs as much as few as many.

    ``sieve``: scores that leave fewer of them; None if they have left these.
    """

    def __init__(self, best: Best, sieve: FullScores | None) -> None:
        self.best, self.sieve = best, sieve
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.count = self.due = 0

    def add(self, rows: Tensor, queries: Tensor) -> None:
        """Let pairs (P,) wait."""
        self.pairs.append((rows, queries))
        self.count += len(rows)

    def flush_if_due(self, rows: int) -> None:
        """Compare them if a third more rows are done than at the last time, or they are many."""
        if rows >= self.due or self.count > _PENDING:
            self.flush()
            self.due = rows + rows // 3

    def flush(self) -> None:
        """Compare them exactly."""
        if self.count:
            rows, queries = (torch.cat(parts) for parts in zip(*self.pairs, strict=True))
            if self.sieve and self.best.full:
                limits = self.best.thresholds - self.sieve.slack
                scores = self.sieve.of_pairs(rows, queries)
                reach = scores >= limits.to(scores.dtype)[queries]
                rows, queries = rows[reach], queries[reach]
            self.best.add(rows, queries)
        self.pairs, self.count = [], 0
