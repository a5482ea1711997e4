"""A search for one query uses the codes of the compact copy, and equals a batch bit for bit."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator

import pytest
import torch
from pluxel.core.neighbors import (
    _one_query,
)

from .brute_force import check, cosines, index, spread


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Return a list that records for each single search whether the codes answered it."""
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

    def test_a_batch_gives_the_same_bits(self) -> None:
        queries = self.vectors[100:120]
        batch = self.searched.search(queries, 7)
        for i, query in enumerate(queries):
            found = self.searched.search(query, 7)
            assert torch.equal(found.indices, batch.indices[i])
            assert torch.equal(found.cosines, batch.cosines[i])

    def test_excluded_rows_are_not_found(self, single: list[bool]) -> None:
        query = self.vectors[5]
        truth = cosines(self.vectors, query)
        hidden = torch.zeros(1, len(self.vectors), dtype=torch.bool)
        hidden[0, 10_000:] = True
        first = self.searched.search(query, 4).indices.tolist()
        hidden[0, first] = True
        found = self.searched.search(query, 10, exclude=first, allowed=torch.arange(10_000))
        check(found, truth, hidden)
        assert single == [True, True]

    def test_rows_with_equal_codes_fall_back_to_the_full_search(self, single: list[bool]) -> None:
        vectors = torch.ones(9_000, 30)
        found = index(vectors, True).search(vectors[3], 5)
        assert found.indices.tolist() == [0, 1, 2, 3, 4]
        assert single == [False]

    def test_few_allowed_rows(self) -> None:
        query, allowed = self.vectors[5], torch.tensor([20_010, 3, 3, 77])
        hidden = torch.ones(1, len(self.vectors), dtype=torch.bool)
        hidden[0, allowed] = False
        found = self.searched.search(query, 3, allowed=allowed)
        check(found, cosines(self.vectors, query), hidden)

    def test_copies_of_an_index_find_the_same_rows(self, single: list[bool]) -> None:
        expected = self.searched.search(self.vectors[5], 4)
        for twin in (copy.deepcopy(self.searched), pickle.loads(pickle.dumps(self.searched))):
            found = twin.search(self.vectors[5], 4)
            assert torch.equal(found.indices, expected.indices)
            assert torch.equal(found.cosines, expected.cosines)
        assert single == [True] * 3

    def test_several_threads_may_search_at_once(self) -> None:
        rows = range(0, 4000, 100)
        results: dict[int, int] = {}

        def work(part: range) -> None:
            for row in part:
                results[row] = int(self.searched.search(self.vectors[row], 1).indices)

        threads = [threading.Thread(target=work, args=(rows[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {row: row for row in rows}


def test_ties_are_in_order_with_the_compact_copy(single: list[bool]) -> None:
    signs = spread(9_000, 50, 0).sign()
    searched = index(signs, True)
    queries = spread(20, 50, 0, seed=1).sign()
    order = (queries @ signs.T).sort(descending=True, stable=True).indices[:, :30]
    assert torch.equal(searched.search(queries, 30).indices, order)
    assert single == []
    for query, expected in zip(queries, order, strict=True):
        assert torch.equal(searched.search(query, 30).indices, expected)
    assert any(single)
