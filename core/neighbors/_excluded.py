"""Rows that a search must not return, because they are excluded or not allowed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import cast

import torch
from torch import Tensor

from ...registry import PluxelError

Exclude = Sequence[int] | Sequence[Sequence[int]]
Allowed = Tensor | Sequence[int]

_PAIRS = 1 << 14
"""The largest number of pairs; if rows excluded for all queries make more, they become a mask."""


@dataclass(frozen=True)
class ExcludedRows:
    """Rows that a search must not return.

    ``allowed``: (N,) bool, or None if all rows are allowed. ``rows``: the numbers of the excluded
    rows for each of Q queries.
    """

    allowed: Tensor | None
    rows: Sequence[set[int]]

    def pairs(self, start: int, count: int, device: torch.device) -> ExcludedPairs:
        """Return the excluded rows of ``count`` queries from ``start`` on."""
        part = enumerate(self.rows[start : start + count])
        pairs = sorted((row, query) for query, excluded in part for row in excluded)
        rows, queries = torch.tensor(pairs, dtype=torch.int64, device=device).view(-1, 2).T
        return ExcludedPairs(self.allowed, rows, queries, [row for row, _ in pairs])


@dataclass(frozen=True)
class ExcludedPairs:
    """Excluded rows as pairs of a row and a query, (P,) int64, sorted by row, on the device."""

    allowed: Tensor | None
    rows: Tensor
    queries: Tensor
    sorted_rows: Sequence[int]

    def hide(self, scores: Tensor, start: int) -> None:
        """Write -inf into the scores (B, Q) of excluded rows; the first row is ``start``."""
        end = start + len(scores)
        if self.allowed is not None:
            scores.masked_fill_(~self.allowed[start:end, None], -torch.inf)
        here = slice(bisect_left(self.sorted_rows, start), bisect_left(self.sorted_rows, end))
        if here.start < here.stop:
            scores[self.rows[here] - start, self.queries[here]] = -torch.inf


def excluded_rows(
    total: int, count: int, k: int, exclude: Exclude, allowed: Allowed | None, device: torch.device
) -> ExcludedRows:
    """Return the rows, of ``total`` rows, that ``count`` queries must not find.

    Raises: PluxelError if k is not a positive integer, if a row does not exist, or if fewer than k
    rows are left.
    """
    if isinstance(k, bool) or not _is_number(k):
        raise PluxelError(f"k must be an integer, not {k!r}")
    if k < 1:
        raise PluxelError(f"k must be at least 1, not {k}")
    mask = None if allowed is None else _mask(torch.as_tensor(allowed).to(device), total)
    if all(_is_number(item) for item in exclude):
        excluded = [_numbers(cast("Sequence[int]", exclude), total)] * count
        if len(exclude) * count > _PAIRS:
            mask = (
                torch.ones(total, dtype=torch.bool, device=device) if mask is None else mask.clone()
            )
            mask[list(excluded[0])] = False
            excluded = [set[int]()] * count
    elif len(exclude) == count:
        excluded = [_numbers(cast("Sequence[int]", rows), total) for rows in exclude]
    else:
        raise PluxelError(f"exclude has rows for {len(exclude)} queries, not for {count}")
    available = _available(total, mask, excluded)
    fewest = min(available, default=k)
    if k > fewest:
        verb = "row is" if fewest == 1 else "rows are"
        query = f" to query {available.index(fewest)}" if len(set(available)) > 1 else ""
        raise PluxelError(f"k = {k:,}, but only {fewest:,} {verb} available{query}")
    return ExcludedRows(mask, excluded)


def _available(total: int, mask: Tensor | None, excluded: Sequence[set[int]]) -> list[int]:
    """Return the number of rows that each query can find."""
    if mask is None:
        return [total - len(rows) for rows in excluded]
    listed = sorted(set().union(*excluded))
    masked = {row for row, free in zip(listed, mask[listed].tolist(), strict=True) if not free}
    allowed = int(mask.sum())
    return [allowed - len(rows - masked) for rows in excluded]


def _mask(allowed: Tensor, total: int) -> Tensor:
    if allowed.dtype == torch.bool:
        if allowed.shape != (total,):
            raise PluxelError(
                f"allowed: a mask for {total:,} rows must be ({total},), not {tuple(allowed.shape)}"
            )
        return allowed
    if allowed.is_floating_point() or allowed.is_complex() or allowed.ndim != 1:
        raise PluxelError(
            f"allowed must be a mask (N,) bool or row numbers, not {tuple(allowed.shape)} "
            f"{allowed.dtype}"
        )
    numbers = allowed.long()
    if bool(((numbers < 0) | (numbers >= total)).any()):
        row = int(numbers[(numbers < 0) | (numbers >= total)][0])
        raise PluxelError(_missing("allowed", row, total))
    mask = torch.zeros(total, dtype=torch.bool, device=allowed.device)
    mask[numbers] = True
    return mask


def _numbers(rows: Iterable[int], total: int) -> set[int]:
    try:
        numbers = {index(row) for row in rows}
    except TypeError as error:
        raise PluxelError(f"exclude must contain row numbers, not {rows!r:.60}") from error
    for row in (number for number in numbers if not 0 <= number < total):
        raise PluxelError(_missing("exclude", row, total))
    return numbers


def _is_number(value: object) -> bool:
    try:
        index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        return False
    return True


def _missing(argument: str, row: int, total: int) -> str:
    return f"{argument}: row {row} does not exist; rows are 0 to {total - 1}"
