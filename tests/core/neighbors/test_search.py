"""What is found is what float64 finds, whatever the rows."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.neighbors import (
    Compact,
    CosineIndex,
    Neighbors,
    _blocks,
    _exact,
    _index,
    _one_query,
    knn,
)
from pluxel.registry import PluxelError
from torch import Tensor


def spread(count: int, dim: int, decay: float = 1.0, seed: int = 0) -> Tensor:
    """Random rows whose energy falls off; ``decay`` 0 spreads it evenly."""
    random = torch.Generator().manual_seed(seed)
    scale = torch.arange(1, dim + 1).float().pow(-decay)
    return torch.randn(count, dim, generator=random) * scale


def cases(count: int = 300, dim: int = 7) -> dict[str, Tensor]:
    """Rows by name."""
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


def cosines(vectors: Tensor, queries: Tensor) -> Tensor:
    """(Q, N) float64, by the definition; sums of products as whole vectors have them."""
    rows, batch = vectors.double(), queries.double().reshape(-1, vectors.shape[1])
    peaks = rows.abs().amax(1, keepdim=True), batch.abs().amax(1, keepdim=True)
    rows, batch = rows / (peaks[0] + (peaks[0] == 0)), batch / (peaks[1] + (peaks[1] == 0))
    norms = rows.norm(dim=1), batch.norm(dim=1, keepdim=True)
    products = (batch[:, None] * rows[None]).sum(2)
    return products / (norms[0] + (norms[0] == 0)) / (norms[1] + (norms[1] == 0))


def check(found: Neighbors, truth: Tensor, hidden: Tensor | None = None) -> None:
    """Fail unless ``found`` are the k best of ``truth`` (Q, N), to the rounding of float64."""
    k = found.indices.shape[-1]
    indices, values = found.indices.reshape(-1, k).cpu(), found.cosines.reshape(-1, k).cpu()
    truth = truth.clone() if hidden is None else truth.masked_fill(hidden, -torch.inf)
    assert indices.dtype == torch.int64
    assert values.dtype == torch.float64
    best = truth.topk(k, dim=1).values
    torch.testing.assert_close(values, best, rtol=0, atol=1e-12)
    torch.testing.assert_close(truth.gather(1, indices), best, rtol=0, atol=1e-12)
    for row, own in zip(indices.tolist(), values, strict=True):
        assert len(set(row)) == k
        assert bool((own[:-1] >= own[1:]).all())
        for i in range(k - 1):
            assert own[i] > own[i + 1] or row[i] < row[i + 1]


CASES = cases()


@pytest.fixture(params=["large blocks", "small blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search by the compact copy whatever the number of rows, in blocks as they are and small."""
    monkeypatch.setattr(_index, "_SMALL", 0)
    if request.param == "small blocks":
        monkeypatch.setitem(_blocks._STEPS, "cpu", 128)
        monkeypatch.setattr(_exact, "_PAIRS", 50)
        monkeypatch.setattr(_exact, "CHUNK", 64)
        monkeypatch.setattr(_one_query, "CHUNK", 64)
        monkeypatch.setattr(_blocks, "_PENDING", 100)


def index(vectors: Tensor, compact: bool, width: int | None = None) -> CosineIndex:
    plain = CosineIndex(vectors)
    if not compact:
        return plain
    return CosineIndex(
        vectors, norms=plain.norms, compact=Compact.build(vectors, plain.norms, width=width)
    )


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_equals_brute_force(name: str, compact: bool) -> None:
    vectors = CASES[name]
    queries = torch.cat([vectors[[0, 1, 150]], spread(9, 7, seed=1), torch.zeros(1, 7)])
    searched = index(vectors, compact)
    truth = cosines(vectors, queries)
    for k in (1, 5, 300):
        check(searched.search(queries, k), truth)
    for query, own in zip(queries, truth, strict=True):
        check(searched.search(query, 3), own[None])


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
    for query, own in zip(queries[:10], truth, strict=False):
        check(searched.search(query, 10), own[None])


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Say for each single search whether the codes answered it."""
    answered: list[bool] = []
    search = _one_query.SingleSearch.search

    def spy(*arguments: object) -> object:
        found = search(*arguments)  # pyright: ignore[reportArgumentType]
        answered.append(found is not None)
        return found

    monkeypatch.setattr(_one_query.SingleSearch, "search", spy)
    return answered


class TestOneQueryByTheCompactCopy:
    vectors = spread(20_011, 30)
    searched = index(vectors, True)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_the_codes_answer(self, single: list[bool], threads: int) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            for row in (0, 777, 20_010):
                found = self.searched.search(self.vectors[row], 10)
                check(found, cosines(self.vectors, self.vectors[row]))
                assert found.indices[0] == row
        finally:
            torch.set_num_threads(before)
        assert single == [True] * 3

    def test_the_batch_finds_the_same_bits(self) -> None:
        queries = self.vectors[100:120]
        batch = self.searched.search(queries, 7)
        for i, query in enumerate(queries):
            one = self.searched.search(query, 7)
            assert torch.equal(one.indices, batch.indices[i])
            assert torch.equal(one.cosines, batch.cosines[i])

    def test_what_is_hidden_is_not_found(self, single: list[bool]) -> None:
        query = self.vectors[5]
        truth = cosines(self.vectors, query)
        hidden = torch.zeros(1, len(self.vectors), dtype=torch.bool)
        hidden[0, 10_000:] = True
        first = self.searched.search(query, 4).indices.tolist()
        hidden[0, first] = True
        found = self.searched.search(query, 10, exclude=first, allowed=torch.arange(10_000))
        check(found, truth, hidden)
        assert single == [True, True]

    def test_rows_that_the_codes_cannot_tell_apart(self, single: list[bool]) -> None:
        vectors = torch.ones(9_000, 30)
        found = index(vectors, True).search(vectors[3], 5)
        assert found.indices.tolist() == [0, 1, 2, 3, 4]
        assert single == [False]

    def test_few_rows_may_be_found(self) -> None:
        query, allowed = self.vectors[5], torch.tensor([20_010, 3, 3, 77])
        hidden = torch.ones(1, len(self.vectors), dtype=torch.bool)
        hidden[0, allowed] = False
        found = self.searched.search(query, 3, allowed=allowed)
        check(found, cosines(self.vectors, query), hidden)

    def test_copies_find_the_same(self, single: list[bool]) -> None:
        expected = self.searched.search(self.vectors[5], 4)
        for twin in (copy.deepcopy(self.searched), pickle.loads(pickle.dumps(self.searched))):
            found = twin.search(self.vectors[5], 4)
            assert torch.equal(found.indices, expected.indices)
            assert torch.equal(found.cosines, expected.cosines)
        assert single == [True] * 3

    def test_several_threads_search_at_once(self) -> None:
        rows = range(0, 4000, 100)
        results: dict[int, int] = {}

        def work(own: range) -> None:
            for row in own:
                results[row] = int(self.searched.search(self.vectors[row], 1).indices)

        threads = [threading.Thread(target=work, args=(rows[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {row: row for row in rows}


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("compact", [False, True])
def test_each_query_has_its_own_excluded_rows_and_all_share_a_mask(compact: bool) -> None:
    vectors, queries = CASES["random"], CASES["random"][:12]
    allowed = torch.arange(300) % 5 > 0
    exclude = [[i, (7 * i) % 300, 299] for i in range(12)]
    hidden = (~allowed).repeat(12, 1)
    for i, own in enumerate(exclude):
        hidden[i, own] = True
    truth = cosines(vectors, queries)
    searched = index(vectors, compact)
    check(searched.search(queries, 20, exclude=exclude, allowed=allowed), truth, hidden)
    hidden = (~allowed).repeat(12, 1)
    hidden[:, 40:140] = True
    check(searched.search(queries, 20, exclude=range(40, 140), allowed=allowed), truth, hidden)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("own", [[7, 9, 11], [7, *range(601, 1000)], range(7, 1000, 100)])
def test_better_rows_are_hidden(own: Sequence[int]) -> None:
    vectors = spread(1000, 5).abs()
    vectors[own] *= -1
    hidden = torch.ones(1, 1000, dtype=torch.bool)
    hidden[0, own] = False
    query, truth = torch.ones(1, 5), cosines(vectors, torch.ones(1, 5))
    for k in (1, 2, 3, len(own)):
        found = CosineIndex(vectors).search(query, k, allowed=torch.tensor(own))
        check(found, truth, hidden)


def test_rows_may_be_named_by_lists_arrays_and_tensors() -> None:
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


def test_more_queries_than_one_pass_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_index, "_QUERIES", 10)
    vectors, queries = spread(400, 5), spread(33, 5, seed=1)
    exclude = [[i] for i in range(33)]
    hidden = torch.eye(33, 400, dtype=torch.bool)
    found = CosineIndex(vectors).search(queries, 5, exclude=exclude)
    check(found, cosines(vectors, queries), hidden)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("compact", [False, True])
def test_every_floating_point_type(dtype: torch.dtype, compact: bool) -> None:
    vectors = spread(9000, 20).to(dtype)
    searched = index(vectors, compact)
    for queries in (vectors[7], vectors[:12], spread(1, 20, seed=3).double()):
        check(searched.search(queries, 6), cosines(vectors, queries))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_float64_beyond_float32(scale: float) -> None:
    vectors = spread(100, 6).double() * scale
    truth = cosines(vectors, vectors[:5])
    check(CosineIndex(vectors).search(vectors[:5], 4), truth)


@pytest.mark.parametrize("scale", [1.0, 2.0**900, 2.0**-900])
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(1, 6), st.integers(0, 10_000), st.data())
def test_ties_of_whole_numbers_are_in_order(
    scale: float, count: int, dim: int, queries: int, seed: int, data: st.DataObject
) -> None:
    """Whatever the lengths of rows whose cosines are equal, as (1, 1, 0) and (3, 3, 0)."""
    k = data.draw(st.integers(1, count))
    random = torch.Generator().manual_seed(seed)
    rows = torch.randint(-3, 4, (count, dim), generator=random)
    batch = torch.randint(-3, 4, (queries, dim), generator=random)
    vectors = rows.double() * scale if scale != 1 else rows.float()
    squares = rows.square().sum(1).tolist()
    for compact in (False, True):
        found = index(vectors, compact).search(batch.to(vectors) * scale, k).indices.tolist()
        for own, products in zip(found, (batch @ rows.T).tolist(), strict=True):
            exact = [Fraction(p * abs(p), s or 1) for p, s in zip(products, squares, strict=True)]
            assert own == sorted(range(count), key=lambda row: (-exact[row], row))[:k]


def test_ties_by_the_compact_copy(single: list[bool]) -> None:
    signs = spread(9_000, 50, 0).sign()
    searched = index(signs, True)
    queries = spread(20, 50, 0, seed=1).sign()
    order = (queries @ signs.T).sort(descending=True, stable=True).indices[:, :30]
    assert torch.equal(searched.search(queries, 30).indices, order)
    assert single == []
    for query, own in zip(queries, order, strict=True):
        assert torch.equal(searched.search(query, 30).indices, own)
    assert any(single)


def test_equal_rows_have_equal_cosines_and_come_in_order() -> None:
    vectors = spread(50, 33).repeat(40, 1)
    for searched in (index(vectors, False), index(vectors, True)):
        found = searched.search(vectors[3], 40)
        assert found.indices.tolist() == list(range(3, 2000, 50))
        assert len(set(found.cosines.tolist())) == 1


def test_zeros_have_the_cosine_zero_with_everything() -> None:
    vectors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    found = CosineIndex(vectors).search(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 3)
    assert found.indices.tolist() == [[1, 0, 2], [0, 1, 2]]
    assert found.cosines.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_knn_takes_its_arguments_as_the_book_does() -> None:
    vectors = spread(200, 5)
    indices, values = knn(vectors, vectors[3], 2)
    assert indices.shape == values.shape == (2,)
    assert indices[0] == 3
    assert knn(vectors, vectors[:4], 2)[0][:, 0].tolist() == [0, 1, 2, 3]


def test_reduced_precision_that_a_program_allows_changes_nothing() -> None:
    vectors = spread(500, 64)
    expected = CosineIndex(vectors).search(vectors[:20], 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = CosineIndex(vectors).search(vectors[:20], 5)
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.cosines, expected.cosines)


class TestWhatIsRefused:
    searched = CosineIndex(spread(10, 4))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"k": 0}, "k = 0: at least one neighbor"),
            ({"k": -1}, "k = -1: at least one neighbor"),
            ({"k": 11}, "k = 11, but only 10 rows can be found"),
            ({"k": 9, "exclude": [1, 1, 2]}, "k = 9, but only 8 rows can be found"),
            ({"k": 4, "allowed": torch.tensor([1, 1, 2, 3])}, "only 3 rows can be found"),
            (
                {"k": 2, "allowed": torch.tensor([1, 2]), "exclude": [2, 3]},
                "only 1 row can be found",
            ),
            ({"exclude": [10]}, "exclude: there is no row 10; rows are 0 to 9"),
            ({"exclude": "5"}, "exclude: numbers of rows, not '5'"),
            ({"exclude": [5.0]}, "exclude: numbers of rows, not 5.0"),
            ({"exclude": [-1]}, "exclude: there is no row -1; rows are 0 to 9"),
            ({"exclude": [[1], [2]]}, "exclude: rows for 2 queries, but there are 1"),
            ({"allowed": torch.tensor([3, 10])}, "allowed: there is no row 10; rows are 0 to 9"),
            ({"allowed": torch.tensor([-1])}, "allowed: there is no row -1"),
            ({"allowed": torch.ones(9).bool()}, "a mask of 10 rows is (10,), not (9,)"),
            ({"allowed": torch.ones(9)}, "not (9,) torch.float32"),
            ({"queries": torch.ones(5)}, "are a tensor (4,) or (Q, 4), as the rows, not (5,)"),
            ({"queries": torch.ones(1, 2, 4)}, "not (1, 2, 4)"),
            ({"queries": torch.tensor(1.0)}, "not () torch.float32"),
            ({"queries": [1.0] * 4}, "as the rows, not list"),
            ({"queries": torch.tensor([1, 2, 3, torch.nan])}, "query 0: a value is not a finite"),
            ({"queries": torch.tensor([[1.0] * 4, [torch.inf] * 4])}, "query 1: a value is not"),
        ],
    )
    def test_searches(self, arguments: dict, message: str) -> None:
        with pytest.raises(PluxelError) as error:
            self.searched.search(**{"queries": torch.ones(4), "k": 1, **arguments})
        assert message in str(error.value)

    def test_the_query_that_can_find_fewest_is_named(self) -> None:
        with pytest.raises(PluxelError, match="only 7 rows can be found by query 1"):
            self.searched.search(torch.ones(2, 4), 8, exclude=[[1], [1, 2, 3]])

    def test_rows(self) -> None:
        bad = spread(10, 4)
        for value in (torch.inf, torch.nan):
            bad[6, 2] = value
            for rows in (bad, bad.double()):
                with pytest.raises(PluxelError, match="row 6: a value is not a finite number"):
                    CosineIndex(rows)
        for vectors, what in (
            (torch.ones(4), r"\(4,\) torch.float32"),
            (torch.ones(4, 0), r"\(4, 0\) torch.float32"),
            (torch.ones(4, 2).int(), r"\(4, 2\) torch.int32"),
            (bad.numpy(), "ndarray"),
        ):
            message = rf"vectors are a tensor \(N, D\), floating point, not {what}"
            with pytest.raises(PluxelError, match=message):
                CosineIndex(vectors)

    def test_norms_and_a_compact_copy_of_other_rows(self) -> None:
        vectors = spread(10, 4)
        with pytest.raises(PluxelError, match=r"norms must be \(10,\) float64"):
            CosineIndex(vectors, norms=torch.ones(10))
        compact = Compact.build(vectors[:9], CosineIndex(vectors[:9]).norms)
        with pytest.raises(PluxelError, match="the compact copy is of rows"):
            CosineIndex(vectors, compact=compact)

    def test_no_rows_at_all(self) -> None:
        with pytest.raises(PluxelError, match="only 0 rows"):
            CosineIndex(torch.empty(0, 4)).search(torch.ones(4), 1)
