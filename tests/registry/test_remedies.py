"""Errors of pickle come with what to do about them."""

from __future__ import annotations

import io
import pickle
from functools import partial
from pathlib import Path

import pytest
from pluxel.registry import reason_of

REMEDY = (
    "an object that is copied to another process may hold functions of a module, and "
    "functools.partial of them, but no lambdas and no functions within functions; and it must "
    "open its files when it reads them, not before"
)


def inner() -> object:
    return lambda: None


@pytest.mark.parametrize("held", [inner(), partial(inner()), io.TextIOWrapper(io.BytesIO())])
def test_what_pickle_cannot_copy_gets_a_remedy(held: object) -> None:
    with pytest.raises(Exception, match="pickle|local object") as caught:
        pickle.dumps(held)
    line, notes = reason_of(caught.value)
    assert line.startswith(type(caught.value).__name__)
    assert notes == (REMEDY,)


@pytest.mark.parametrize("error", [ValueError("no pickle"), OSError("x"), KeyError("pickled")])
def test_other_errors_do_not(error: Exception) -> None:
    assert reason_of(error)[1] == ()


def test_functions_of_a_module_are_copied() -> None:
    assert pickle.loads(pickle.dumps(partial(Path, "a")))() == Path("a")
