"""Rows that must not be found: those excluded, and those not allowed."""

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
"""The most pairs of a row and a query; more rows that are excluded for all become a mask."""


@dataclass(frozen=True)
class ExcludedRows:
    """Rows that must not be found.

    ``allowed``: (N,) bool, or None for all. ``rows``: numbers of excluded rows for each of
    Q queries.
    """

    allowed: Tensor | None
    rows: Sequence[set[int]]

    def pairs(self, start: int, count: int, device: torch.device) -> ExcludedPairs:
        """Return the same for ``count`` queries from ``start`` on."""
        own = enumerate(self.rows[start : start + count])
        pairs = sorted((row, query) for query, some in own for row in some)
        rows, queries = torch.tensor(pairs, dtype=torch.int64, device=device).view(-1, 2).T
        return ExcludedPairs(self.allowed, rows, queries, [row for row, _ in pairs])


@dataclass(frozen=True)
class ExcludedPairs:
    """The same as pairs of a row and a query, (P,) int64, sorted by row, on the device."""

    allowed: Tensor | None
    rows: Tensor
    queries: Tensor
    sorted_rows: Sequence[int]

    def hide(self, scores: Tensor, start: int) -> None:
        """Write -inf into the scores (B, Q) of rows ``start`` and on."""
        end = start + len(scores)
        if self.allowed is not None:
            scores.masked_fill_(~self.allowed[start:end, None], -torch.inf)
        here = slice(bisect_left(self.sorted_rows, start), bisect_left(self.sorted_rows, end))
        if here.start < here.stop:
            scores[self.rows[here] - start, self.queries[here]] = -torch.inf


def excluded_rows(
    total: int, count: int, k: int, exclude: Exclude, allowed: Allowed | None, device: torch.device
) -> ExcludedRows:
    """Return what is hidden of N = ``total`` rows from ``count`` queries.

    Raises: PluxelError for a k that is no number of rows, for rows that are not there, and if fewer
    than k are left.
    """
    if isinstance(k, bool) or not _is_number(k):
        raise PluxelError(f"k is a whole number, not {k!r}")
    if k < 1:
        raise PluxelError(f"k = {k}: at least one neighbor is to be found")
    mask = None if allowed is None else _mask(torch.as_tensor(allowed).to(device), total)
    if all(_is_number(one) for one in exclude):
        excluded = [_numbers(cast("Sequence[int]", exclude), total)] * count
        if len(exclude) * count > _PAIRS:
            mask = (
                torch.ones(total, dtype=torch.bool, device=device) if mask is None else mask.clone()
            )
            mask[list(excluded[0])] = False
            excluded = [set[int]()] * count
    elif len(exclude) == count:
        excluded = [_numbers(cast("Sequence[int]", own), total) for own in exclude]
    else:
        raise PluxelError(f"exclude: rows for {len(exclude)} queries, but there are {count}")
    left = _left(total, mask, excluded)
    if k > min(left, default=k):
        whose = f" by query {left.index(min(left))}" if len(set(left)) > 1 else ""
        rows = f"{min(left):,} row{'' if min(left) == 1 else 's'}"
        raise PluxelError(f"k = {k:,}, but only {rows} can be found{whose}")
    return ExcludedRows(mask, excluded)


def _left(total: int, mask: Tensor | None, excluded: Sequence[set[int]]) -> list[int]:
    """Return how many rows each query can find."""
    if mask is None:
        return [total - len(own) for own in excluded]
    named = sorted(set().union(*excluded))
    barred = {row for row, free in zip(named, mask[named].tolist(), strict=True) if not free}
    free = int(mask.sum())
    return [free - len(own - barred) for own in excluded]


def _mask(allowed: Tensor, total: int) -> Tensor:
    if allowed.dtype == torch.bool:
        if allowed.shape != (total,):
            raise PluxelError(
                f"allowed: a mask of {total:,} rows is ({total},), not {tuple(allowed.shape)}"
            )
        return allowed
    if allowed.is_floating_point() or allowed.is_complex() or allowed.ndim != 1:
        raise PluxelError(
            f"allowed: a mask (N,) bool or the numbers of rows, not {tuple(allowed.shape)} "
            f"{allowed.dtype}"
        )
    numbers = allowed.long()
    if bool(((numbers < 0) | (numbers >= total)).any()):
        bad = int(numbers[(numbers < 0) | (numbers >= total)][0])
        raise PluxelError(_missing("allowed", bad, total))
    mask = torch.zeros(total, dtype=torch.bool, device=allowed.device)
    mask[numbers] = True
    return mask


def _numbers(rows: Iterable[int], total: int) -> set[int]:
    try:
        numbers = {index(row) for row in rows}
    except TypeError as error:
        raise PluxelError(f"exclude: numbers of rows, not {rows!r:.60}") from error
    for bad in (row for row in numbers if not 0 <= row < total):
        raise PluxelError(_missing("exclude", bad, total))
    return numbers


def _is_number(value: object) -> bool:
    try:
        index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        return False
    return True


def _missing(where: str, row: int, total: int) -> str:
    return f"{where}: there is no row {row}; rows are 0 to {total - 1}"
