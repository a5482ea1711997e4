"""Texts that YAML reads as numbers if they have no quotes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pluxel.core.contracts.options import unquoted
from pydantic import TypeAdapter, ValidationError

CHOSEN = TypeAdapter[Any](Annotated[Literal["1.2", "2011"], unquoted("1.2", "2011")])
ANY = TypeAdapter[Any](Annotated[str, unquoted()])


@pytest.mark.parametrize(
    ("adapter", "given", "text"),
    [
        (CHOSEN, 1.2, "1.2"),
        (CHOSEN, "1.2", "1.2"),
        (CHOSEN, 2011, "2011"),
        (ANY, 2.0, "2.0"),
        (ANY, 3, "3"),
        (ANY, "0.1.dev2", "0.1.dev2"),
    ],
)
def test_numbers_are_texts(adapter, given, text) -> None:
    assert adapter.validate_python(given, strict=True) == text


@pytest.mark.parametrize(
    ("adapter", "given", "message"),
    [
        (CHOSEN, 1.3, r"should be '1\.2' or '2011'"),
        (CHOSEN, "2012", r"should be '1\.2' or '2011'"),
        (CHOSEN, [1.2], r"should be '1\.2' or '2011'"),
        (ANY, True, "should be a valid string"),
        (ANY, [1], "should be a valid string"),
    ],
)
def test_anything_else_is_refused(adapter, given, message) -> None:
    with pytest.raises(ValidationError, match=message):
        adapter.validate_python(given)


def test_the_schema_lists_both_forms() -> None:
    assert CHOSEN.json_schema(mode="validation") == {"enum": ["1.2", "2011", 1.2, 2011]}
    assert ANY.json_schema(mode="validation") == {"type": ["string", "number"]}
