"""Files are written completely or not at all, and failures to write are reported."""

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


def test_a_complete_file_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.png"
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert not path.exists()
        assert unfinished.suffix == ".png"
    assert [file.name for file in path.parent.iterdir()] == ["x.png"]


def test_a_failure_leaves_the_existing_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_simultaneous_writers_use_different_files(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_abandoned_files_are_deleted(tmp_path: Path) -> None:
    names = (".left.png", ".left.txt", "whole.png", ".fresh.png")
    for name in names:
        (tmp_path / name).touch()
        if "fresh" not in name:
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".folder.png").mkdir()
    remove_unfinished(tmp_path, ".png")
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], ".folder.png"}


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(PluxelError, match=f"^cannot write {place}/x.txt: "):
            write_text(place / "x.txt", "text")


def test_a_file_to_read_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(MissingFile, match=r"x\.txt: no such file"):
        require_file(path)
    with pytest.raises(MissingFile, match="a folder, not a file"):
        require_file(tmp_path)
    write_text(path, "here")
    assert require_file(str(path)) == path
