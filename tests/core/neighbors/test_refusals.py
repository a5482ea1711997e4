"""Invalid searches and indexes are rejected with the reason."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.neighbors import (
    Compact,
    CosineIndex,
)
from pluxel.registry import PluxelError

from .brute_force import spread


class TestInvalidArguments:
    searched = CosineIndex(spread(10, 4))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"k": 0}, "k must be at least 1, not 0"),
            ({"k": -1}, "k must be at least 1, not -1"),
            ({"k": 11}, "k = 11, but only 10 rows are available"),
            ({"k": 9, "exclude": [1, 1, 2]}, "k = 9, but only 8 rows are available"),
            ({"k": 4, "allowed": torch.tensor([1, 1, 2, 3])}, "only 3 rows are available"),
            (
                {"k": 2, "allowed": torch.tensor([1, 2]), "exclude": [2, 3]},
                "only 1 row is available",
            ),
            ({"exclude": [10]}, "exclude: row 10 does not exist; rows are 0 to 9"),
            ({"exclude": "5"}, "exclude must contain row numbers, not '5'"),
            ({"exclude": [5.0]}, "exclude must contain row numbers, not 5.0"),
            ({"exclude": [-1]}, "exclude: row -1 does not exist; rows are 0 to 9"),
            ({"exclude": [[1], [2]]}, "exclude has rows for 2 queries, not for 1"),
            ({"allowed": torch.tensor([3, 10])}, "allowed: row 10 does not exist; rows are 0 to 9"),
            ({"allowed": torch.tensor([-1])}, "allowed: row -1 does not exist"),
            ({"allowed": torch.ones(9).bool()}, "a mask for 10 rows must be (10,), not (9,)"),
            (
                {"allowed": torch.ones(9)},
                "allowed must be a mask (N,) bool or row numbers, not (9,) torch.float32",
            ),
            (
                {"queries": torch.ones(5)},
                "queries must be a tensor (4,) or (Q, 4) to match the rows, not (5,)",
            ),
            ({"queries": torch.ones(1, 2, 4)}, "not (1, 2, 4)"),
            ({"queries": torch.tensor(1.0)}, "not () torch.float32"),
            ({"queries": [1.0] * 4}, "to match the rows, not list"),
            (
                {"queries": torch.tensor([1, 2, 3, torch.nan])},
                "query 0 has a value that is not finite",
            ),
            (
                {"queries": torch.tensor([[1.0] * 4, [torch.inf] * 4])},
                "query 1 has a value that is not finite",
            ),
        ],
    )
    def test_invalid_searches_are_rejected(self, arguments: dict, message: str) -> None:
        with pytest.raises(PluxelError) as error:
            self.searched.search(**{"queries": torch.ones(4), "k": 1, **arguments})
        assert message in str(error.value)

    def test_the_query_with_the_fewest_rows_is_named(self) -> None:
        with pytest.raises(PluxelError, match="only 7 rows are available to query 1"):
            self.searched.search(torch.ones(2, 4), 8, exclude=[[1], [1, 2, 3]])

    def test_invalid_rows_are_rejected(self) -> None:
        invalid = spread(10, 4)
        for value in (torch.inf, torch.nan):
            invalid[6, 2] = value
            for rows in (invalid, invalid.double()):
                with pytest.raises(PluxelError, match="row 6 has a value or a norm that is not fi"):
                    CosineIndex(rows)
        for vectors, description in (
            (torch.ones(4), r"\(4,\) torch.float32"),
            (torch.ones(4, 0), r"\(4, 0\) torch.float32"),
            (torch.ones(4, 2).int(), r"\(4, 2\) torch.int32"),
            (invalid.numpy(), "ndarray"),
        ):
            message = rf"vectors must be a floating-point tensor \(N, D\), not {description}"
            with pytest.raises(PluxelError, match=message):
                CosineIndex(vectors)

    def test_norms_and_compact_copy_must_match_the_rows(self) -> None:
        vectors = spread(10, 4)
        with pytest.raises(PluxelError, match=r"norms must be \(10,\) float64"):
            CosineIndex(vectors, norms=torch.ones(10))
        compact = Compact.build(vectors[:9], CosineIndex(vectors[:9]).norms)
        with pytest.raises(PluxelError, match="the compact copy is for rows"):
            CosineIndex(vectors, compact=compact)

    def test_an_index_without_rows_finds_nothing(self) -> None:
        with pytest.raises(PluxelError, match="only 0 rows"):
            CosineIndex(torch.empty(0, 4)).search(torch.ones(4), 1)
