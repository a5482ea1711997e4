"""YAML 1.2 core schema, section 10.3.2 of the specification."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.tree.scalars import resolve

TABLE = {
    # the specification's own examples
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "0": 0,
    "0o7": 7,
    "0x3A": 58,
    "-19": -19,
    "0.": 0.0,
    "-0.0": -0.0,
    ".5": 0.5,
    "+12e03": 12000.0,
    "-2E+05": -200000.0,
    ".inf": math.inf,
    "-.Inf": -math.inf,
    "+.INF": math.inf,
    # what YAML 1.1 reads differently
    "1e-4": 1e-4,
    "5e-5": 5e-5,
    "1e3": 1000.0,
    "0o17": 15,
    "017": 17,
    "+7": 7,
    "12.": 12.0,
}
TEXT = (
    *("no", "yes", "on", "off", "No", "YES", "On", "OFF", "y", "n", "nUll", "tRue", "=", "<<"),
    *("1_000", "0b11", "12:30", "190:20:30", "2020-01-01", "2001-12-14t21:59:43Z", "1,000"),
    *("0x", "0o8", "0xG", "-0x1F", "+0o7", "1e", "1e+", ".", "..", "-.", "+.", ".e1", "1.2.3"),
    *("inf", "nan", ".infinity", "-.nan", "0.1.0", "1.2.3-rc1"),
)


@pytest.mark.parametrize(("text", "value"), TABLE.items())
def test_core_schema_scalars(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize("text", TEXT)
def test_other_scalars_are_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@given(st.integers())
def test_integers_in_three_notations(number: int) -> None:
    assert resolve(str(number)) == number
    assert resolve(f"0x{abs(number):X}") == resolve(f"0o{abs(number):o}") == abs(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_python_floats_are_read_back(number: float) -> None:
    value = resolve(repr(number))
    assert value == number
    assert isinstance(value, float)


@given(st.from_regex(r"[+-]?[0-9]{1,3}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_json_numbers_are_numbers(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, int | float)
    assert value == float(text)


def test_too_many_digits_raise() -> None:
    with pytest.raises(ValueError, match="digit"):
        resolve("9" * 5000)
