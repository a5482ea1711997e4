"""What cannot be searched is refused, with the reason."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.neighbors import (
    Compact,
    CosineIndex,
)
from pluxel.registry import PluxelError

from .brute_force import spread


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

    def test_the_query_with_the_fewest_rows_is_named(self) -> None:
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
