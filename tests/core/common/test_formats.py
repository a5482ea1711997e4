"""What is said about a file of another version of a format."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core.common.formats import FileFormat
from pluxel.registry import PluxelError

FORMAT = FileFormat("run", 4, {1: "", 2: "0.4.*"})
OLDER = "was written by an older Pluxel (version {} of the run format), and this one no longer "


@pytest.mark.parametrize("version", [3, 4])
def test_versions_that_open(version: int) -> None:
    FORMAT.check(version, Path("x"))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, OLDER.format(1) + "opens it: make it again"),
        (2, OLDER.format(2) + "opens it: pip install 'pluxel==0.4.*' opens it"),
        (
            5,
            "was written by a newer Pluxel (version 5 of the run format; this one opens version "
            "4): pip install --upgrade pluxel",
        ),
    ],
)
def test_versions_that_do_not(version: int, message: str) -> None:
    with pytest.raises(PluxelError) as caught:
        FORMAT.check(version, Path("x"))
    assert str(caught.value) == f"x {message}"
