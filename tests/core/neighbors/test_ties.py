"""Rows with equal cosines are in ascending order."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from .brute_force import index, spread


@pytest.mark.parametrize("scale", [1.0, 2.0**900, 2.0**-900])
@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(1, 6), st.integers(0, 10_000), st.data())
def test_ties_of_integers_are_in_order(
    scale: float, count: int, dim: int, queries: int, seed: int, data: st.DataObject
) -> None:
    """Rows such as (1, 1, 0) and (3, 3, 0) have equal cosines, whatever their norms."""
    k = data.draw(st.integers(1, count))
    random = torch.Generator().manual_seed(seed)
    rows = torch.randint(-3, 4, (count, dim), generator=random)
    batch = torch.randint(-3, 4, (queries, dim), generator=random)
    vectors = rows.double() * scale if scale != 1 else rows.float()
    squares = rows.square().sum(1).tolist()
    for compact in (False, True):
        found = index(vectors, compact).search(batch.to(vectors) * scale, k).indices.tolist()
        for indices, products in zip(found, (batch @ rows.T).tolist(), strict=True):
            exact = [Fraction(p * abs(p), s or 1) for p, s in zip(products, squares, strict=True)]
            assert indices == sorted(range(count), key=lambda row: (-exact[row], row))[:k]


def test_equal_rows_have_equal_cosines_and_are_in_order() -> None:
    vectors = spread(50, 33).repeat(40, 1)
    for searched in (index(vectors, False), index(vectors, True)):
        found = searched.search(vectors[3], 40)
        assert found.indices.tolist() == list(range(3, 2000, 50))
        assert len(set(found.cosines.tolist())) == 1
