"""Types of parameters in the words of YAML files, with the ranges that a user must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval, Len
from pluxel.core.cli._parameters import parameters_of, type_name
from pluxel.core.contracts.signature import read_signature
from pluxel.registry import Component
from pydantic import Field, NonNegativeFloat, PositiveInt, StringConstraints, conlist


class Ranges:
    """A loss. ``share``: of ``pixels``, 0 to 1."""

    def __init__(
        self,
        *,
        share: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        count: PositiveInt | None = None,
        names: Annotated[list[str], Field(min_length=1)] = ["a"],  # noqa: B006
    ) -> None: ...


def test_parameters_show_types_with_ranges_and_texts_without_marks() -> None:
    signature = read_signature("loss", Component("ranges", "m:Ranges", "Ranges."), Ranges)
    found = {one.key: (one.type, one.description) for one in parameters_of(signature)}
    assert found == {
        "share": ("float ≥ 0 and < 1", "of `pixels`, 0 to 1."),
        "count": ("int > 0 | null", ""),
        "names": ("non-empty list of text", ""),
    }


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[float | None, Field(le=0.5)], "float ≤ 0.5 | null"),
        (Annotated[int, Field(lt=2**63)], "int < 9223372036854775808"),
        (Annotated[int, Field(multiple_of=32)], "int that is a multiple of 32"),
        (Annotated[float, Interval(gt=-1, le=1)], "float > -1 and ≤ 1"),
        (Annotated[str, StringConstraints(min_length=2)], "text with at least 2 characters"),
        (Annotated[str, Field(pattern="^a")], "text that matches `^a`"),
        (Annotated[str, Field(max_length=1)], "text with at most 1 character"),
        (Annotated[list[int], Len(2, 3)], "list of int with at least 2 items and at most 3 items"),
        (conlist(int, min_length=1, max_length=3), "non-empty list of int with at most 3 items"),
        (list[Annotated[int, Field(ge=2)]], "list of int ≥ 2"),
        (list[Annotated[list[int], Len(2)]], "list of (list of int with at least 2 items)"),
        (Mapping[str, NonNegativeFloat], "mapping of text to float ≥ 0"),
        (tuple[NonNegativeFloat, ...], "[float ≥ 0, …]"),
        (Annotated[Literal["a"] | PositiveInt, "a note"], "a | int > 0"),
        (Annotated[list[int], Len(0)], "list of int"),
    ],
)
def test_ranges(annotation: Any, words: str) -> None:
    assert type_name(annotation) == words
