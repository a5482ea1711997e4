"""Derived files are complete or absent, and finished ones are kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from pluxel.core.contracts.optional import DerivedFile
from pluxel.core.data.derived import all_derived_files, derived_files, write_derived
from pluxel.core.data.splits import open_split


def files(folder: Path, names: Iterable[str], written: list[str]) -> list[DerivedFile]:
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
    assert sorted(written) == ["a", "b", "c"]
    assert write_derived(files(tmp_path / "new", "ab", written), overwrite=True) == 2
    assert (tmp_path / "new" / "a.png").read_text() == "all of a"


def test_an_unfinished_file_is_not_left_behind(tmp_path) -> None:
    written: list[str] = []
    with pytest.raises(RuntimeError, match="no x"):
        write_derived(files(tmp_path, "axb", written))
    finished = {path.name for path in tmp_path.iterdir()}
    assert finished <= {"a.png", "b.png"}
    assert write_derived(files(tmp_path, "ab", written)) == 2 - len(finished)


def test_files_not_yet_begun_are_not_made_after_an_error(tmp_path) -> None:
    written: list[str] = []
    with pytest.raises(RuntimeError, match="no x"):
        write_derived(files(tmp_path, ["x", *map(str, range(400))], written))
    assert len(written) < 400


def test_files_of_parts_and_sums(toy) -> None:
    """A part derives the files of its own samples; a file that two samples share counts once."""

    class Deriving(toy):
        def derived_files(self, index: int) -> list[DerivedFile]:
            names = (f"{index}.png", "all.txt")
            return [DerivedFile(Path(name), Path.touch) for name in names]

    def make(split: str) -> Deriving:
        return Deriving(length=4)

    part = open_split(make, "train[1:3] + train[2:]")
    assert [file.path.name for file in derived_files(part, 2)] == ["2.png", "all.txt"]
    found = [file.path.name for file in all_derived_files([part])]
    assert found == ["1.png", "all.txt", "2.png", "3.png"]
    plain = open_split(lambda split: toy(), "train[:2]")
    assert not all_derived_files([plain])
