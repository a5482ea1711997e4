"""What is quoted of the exceptions of others: one line in the sentence, the rest as notes."""

from __future__ import annotations

import pytest
from pluxel.registry import PluxelError, reason_of


def noted(error: Exception, *notes: str) -> Exception:
    for note in notes:
        error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("error", "line", "notes"),
    [
        (ValueError("no size"), "ValueError: no size", ()),
        (ValueError(), "ValueError", ()),
        (KeyError("kind"), "KeyError: 'kind'", ()),
        (ValueError("two\nlines"), "ValueError: two", ("lines",)),
        (ValueError("these are wrong:\n  a\n"), "ValueError: these are wrong", ("a",)),
        (ValueError("in a:"), "ValueError: in a:", ()),
        (ValueError("\n  first \n\n    a\n      b\n\n"), "ValueError: first", ("a\n  b",)),
        (noted(OSError("one\ntwo"), "three"), "OSError: one", ("two", "three")),
        (PluxelError("all is\nwrong", ["try again"]), "all is", ("wrong", "try again")),
        (PluxelError("wrong"), "wrong", ()),
    ],
)
def test_the_first_line_is_the_reason(error: Exception, line: str, notes: tuple) -> None:
    assert reason_of(error) == (line, notes)


def test_the_type_can_be_left_out() -> None:
    assert reason_of(ValueError("a\nb"), with_type=False) == ("a", ("b",))
    assert reason_of(ValueError(), with_type=False) == ("ValueError", ())


def test_lines_of_notes_are_indented() -> None:
    error = PluxelError("wrong", ["a\n  b\n\nc", "d"])
    assert str(error) == "wrong\n  note: a\n          b\n\n        c\n  note: d"
