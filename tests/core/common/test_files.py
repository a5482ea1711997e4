"""Files are wholly there or not at all, and what the disk refuses is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pluxel.core.common.files import (
    MissingFile,
    remove_unfinished,
    replacing,
    require_file,
    write_text,
)
from pluxel.registry import PluxelError


def test_a_file_takes_its_name_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.png"
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert not path.exists()
        assert unfinished.suffix == ".png"
    assert [file.name for file in path.parent.iterdir()] == ["x.png"]


def test_what_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"


def test_unfinished_files_that_nobody_writes_to_are_deleted(tmp_path: Path) -> None:
    names = (".left.png", ".left.txt", "whole.png", ".fresh.png")
    for name in names:
        (tmp_path / name).touch()
        if "fresh" not in name:
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".folder.png").mkdir()
    remove_unfinished(tmp_path, ".png")
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], ".folder.png"}


def test_a_place_where_there_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(PluxelError, match=f"^cannot write {place}/x.txt: "):
            write_text(place / "x.txt", "text")


def test_a_file_that_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(MissingFile, match=r"x\.txt: no such file"):
        require_file(path)
    with pytest.raises(MissingFile, match="a folder, not a file"):
        require_file(tmp_path)
    write_text(path, "here")
    assert require_file(str(path)) == path
