"""The index finds the same rows as brute force in float64, whatever the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pluxel.core.neighbors import (
    CosineIndex,
    _blocks,
    _exact,
    _index,
    _one_query,
    knn,
)
from torch import Tensor

from .brute_force import check, cosines, index, spread

pytestmark = pytest.mark.slow


def cases(count: int = 300, dim: int = 7) -> dict[str, Tensor]:
    """Return rows by name."""
    plain = spread(count, dim)
    outlier = plain.clone()
    outlier[count // 2] = 1e38
    tiny = plain * 1e-44
    mixed = plain * torch.logspace(-44, 37, count)[:, None]
    zeros = plain.clone()
    zeros[::3] = 0
    integers = spread(count, dim, 0).round()
    axes = torch.eye(dim).repeat(count // dim + 1, 1)[:count] * torch.arange(1, count + 1)[:, None]
    return {
        "random": plain,
        "evenly spread": spread(count, dim, 0),
        "all alike": torch.ones(count, dim) * 0.1,
        "one outlier": outlier,
        "denormal": tiny,
        "from denormal to huge": mixed,
        "zeros": zeros,
        "nothing but zeros": torch.zeros(count, dim),
        "whole numbers with ties": integers,
        "on the axes": axes,
        "every row twice": plain[: count // 2].repeat(2, 1),
        "opposite": torch.cat([plain[: count // 2], -plain[: count // 2]]),
    }


CASES = cases()


@pytest.fixture(params=["large blocks", "small blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the compact copy for any number of rows, with default blocks or small ones."""
    monkeypatch.setattr(_index, "_SMALL", 0)
    if request.param == "small blocks":
        monkeypatch.setitem(_blocks._STEPS, "cpu", 128)
        monkeypatch.setattr(_exact, "_PAIRS", 50)
        monkeypatch.setattr(_exact, "CHUNK", 64)
        monkeypatch.setattr(_one_query, "CHUNK", 64)
        monkeypatch.setattr(_blocks, "_PENDING", 100)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_results_equal_brute_force(name: str, compact: bool) -> None:
    vectors = CASES[name]
    queries = torch.cat([vectors[[0, 1, 150]], spread(9, 7, seed=1), torch.zeros(1, 7)])
    searched = index(vectors, compact)
    truth = cosines(vectors, queries)
    for k in (1, 5, 300):
        check(searched.search(queries, k), truth)
    for query, expected in zip(queries, truth, strict=True):
        check(searched.search(query, 3), expected[None])


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("width", [3, 6, 12])
def test_many_rows_and_many_queries(
    width: int, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_index, "has_fast_halves", lambda: half)
    vectors = spread(3000, 20, 0.5)
    queries = spread(40, 20, 0.5, seed=1)
    searched = index(vectors, True, width)
    truth = cosines(vectors, queries)
    check(searched.search(queries, 10), truth)
    for query, expected in zip(queries[:10], truth, strict=False):
        check(searched.search(query, 10), expected[None])


@pytest.mark.parametrize("steps", [1 << 14, 1 << 24])
@pytest.mark.parametrize("k", [130, 1000, 2999])
@pytest.mark.parametrize("decay", [0.5, 0])
def test_many_neighbors(k: int, decay: float, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_index, "_SMALL", 0)
    monkeypatch.setitem(_blocks._LARGE_STEPS, "cpu", steps)
    vectors, queries = spread(3000, 20, decay), spread(40, 20, decay, seed=1)
    vectors[::7] = vectors[1].clone()  # ties
    vectors[5::500] = 0
    truth = cosines(vectors, queries)
    exclude = [[i, 7 * i] if i else [0] for i in range(40)]
    hidden = torch.zeros(40, 3000, dtype=torch.bool)
    for i, rows in enumerate(exclude):
        hidden[i, rows] = True
    searched = index(vectors, True)
    check(searched.search(queries, k), truth)
    if k < 2999:
        check(searched.search(queries, k, exclude=exclude), truth, hidden)
        allowed = torch.arange(3000) % 3 > 0
        hidden = hidden | ~allowed
        check(searched.search(queries, k, exclude=exclude, allowed=allowed), truth, hidden)


def test_many_neighbors_are_found_with_few_exact_comparisons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A low threshold lets several times k rows through; comparing those takes most of the time."""
    compared = 0
    exact = _exact.Best.exact

    def counting(best: _exact.Best, rows: Tensor, queries: Tensor) -> Tensor:
        nonlocal compared
        compared += len(rows)
        return exact(best, rows, queries)

    monkeypatch.setattr(_exact.Best, "exact", counting)
    vectors, queries = spread(100_000, 12), spread(32, 12, seed=1)
    index(vectors, True).search(queries, 500)
    assert compared < 1.5 * 32 * 500


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("compact", [False, True])
def test_excluded_rows_per_query_combine_with_a_shared_mask(compact: bool) -> None:
    vectors, queries = CASES["random"], CASES["random"][:12]
    allowed = torch.arange(300) % 5 > 0
    exclude = [[i, (7 * i) % 300, 299] for i in range(12)]
    hidden = (~allowed).repeat(12, 1)
    for i, rows in enumerate(exclude):
        hidden[i, rows] = True
    truth = cosines(vectors, queries)
    searched = index(vectors, compact)
    check(searched.search(queries, 20, exclude=exclude, allowed=allowed), truth, hidden)
    hidden = (~allowed).repeat(12, 1)
    hidden[:, 40:140] = True
    check(searched.search(queries, 20, exclude=range(40, 140), allowed=allowed), truth, hidden)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("allowed", [[7, 9, 11], [7, *range(601, 1000)], range(7, 1000, 100)])
def test_excluded_rows_may_be_the_best(allowed: Sequence[int]) -> None:
    vectors = spread(1000, 5).abs()
    vectors[allowed] *= -1
    hidden = torch.ones(1, 1000, dtype=torch.bool)
    hidden[0, allowed] = False
    query, truth = torch.ones(1, 5), cosines(vectors, torch.ones(1, 5))
    for k in (1, 2, 3, len(allowed)):
        found = CosineIndex(vectors).search(query, k, allowed=torch.tensor(allowed))
        check(found, truth, hidden)


def test_rows_may_be_lists_arrays_or_tensors() -> None:
    searched, query = CosineIndex(spread(30, 4)), spread(1, 4, seed=1)[0]
    expected = searched.search(query, 5, exclude=[2, 3], allowed=torch.arange(1, 20)).indices
    for kind in (list, np.array, torch.tensor):
        rows: Any = kind([2, 3])
        allowed: Any = kind(range(1, 20))
        assert torch.equal(searched.search(query, 5, exclude=rows, allowed=allowed)[0], expected)
        assert torch.equal(searched.search(query, 5, exclude=[rows], allowed=allowed)[0], expected)


def test_many_excluded_rows_become_a_mask() -> None:
    vectors, queries = spread(3000, 5), spread(20, 5, seed=1)
    hidden = torch.zeros(20, 3000, dtype=torch.bool)
    hidden[:, 100:2000] = True
    found = CosineIndex(vectors).search(queries, 5, exclude=range(100, 2000))
    check(found, cosines(vectors, queries), hidden)


def test_more_queries_than_fit_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "_QUERIES", 10)
    vectors, queries = spread(400, 5), spread(33, 5, seed=1)
    exclude = [[i] for i in range(33)]
    hidden = torch.eye(33, 400, dtype=torch.bool)
    found = CosineIndex(vectors).search(queries, 5, exclude=exclude)
    check(found, cosines(vectors, queries), hidden)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("compact", [False, True])
def test_all_floating_point_types_are_accepted(dtype: torch.dtype, compact: bool) -> None:
    vectors = spread(9000, 20).to(dtype)
    searched = index(vectors, compact)
    for queries in (vectors[7], vectors[:12], spread(1, 20, seed=3).double()):
        check(searched.search(queries, 6), cosines(vectors, queries))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_float64_values_beyond_the_range_of_float32(scale: float) -> None:
    vectors = spread(100, 6).double() * scale
    truth = cosines(vectors, vectors[:5])
    check(CosineIndex(vectors).search(vectors[:5], 4), truth)


def test_vectors_of_zeros_have_the_cosine_zero() -> None:
    vectors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    found = CosineIndex(vectors).search(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 3)
    assert found.indices.tolist() == [[1, 0, 2], [0, 1, 2]]
    assert found.cosines.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_knn_takes_vectors_query_and_k() -> None:
    vectors = spread(200, 5)
    indices, values = knn(vectors, vectors[3], 2)
    assert indices.shape == values.shape == (2,)
    assert indices[0] == 3
    assert knn(vectors, vectors[:4], 2)[0][:, 0].tolist() == [0, 1, 2, 3]


def test_autocast_changes_nothing() -> None:
    vectors = spread(500, 64)
    expected = CosineIndex(vectors).search(vectors[:20], 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = CosineIndex(vectors).search(vectors[:20], 5)
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.cosines, expected.cosines)
