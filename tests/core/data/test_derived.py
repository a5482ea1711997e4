"""Derived files are complete or absent, and finished ones are kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from pluxel.core.contracts.optional import DerivedFile
from pluxel.core.data.derived import write_derived


def files(folder: Path, names: str, written: list[str]) -> list[DerivedFile]:
    def write(name: str, path: Path) -> None:
        path.write_text("half")
        if name == "x":
            raise RuntimeError("no x")
        path.write_text(f"all of {name}")
        written.append(name)

    return [DerivedFile(folder / f"{name}.png", partial(write, name)) for name in names]


def test_files_that_exist_are_kept(tmp_path) -> None:
    written: list[str] = []
    assert write_derived(files(tmp_path / "new", "ab", written)) == 2
    assert write_derived(files(tmp_path / "new", "abc", written)) == 1
    assert written == ["a", "b", "c"]
    assert write_derived(files(tmp_path / "new", "ab", written), overwrite=True) == 2
    assert (tmp_path / "new" / "a.png").read_text() == "all of a"


def test_an_unfinished_file_is_not_left_behind(tmp_path) -> None:
    written: list[str] = []
    with pytest.raises(RuntimeError, match="no x"):
        write_derived(files(tmp_path, "axb", written))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert write_derived(files(tmp_path, "ab", written)) == 1
