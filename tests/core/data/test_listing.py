"""Lists of names, and the files of these names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pluxel.core.data.listing import FolderFiles, missing_files, read_names
from pluxel.core.data.splits import MissingData, SplitError


def test_names_of_a_list(tmp_path) -> None:
    listing = tmp_path / "val.txt"
    listing.write_text("b\n\n a 1\nc")
    assert read_names(listing) == ["b", "a", "c"]
    listing.write_text("x/1.jpg b\n")
    assert read_names(listing, 1) == ["b"]


def test_a_name_that_is_listed_twice(tmp_path) -> None:
    listing = tmp_path / "val.txt"
    listing.write_text("b\n\na\nb\n")
    with pytest.raises(SplitError) as caught:
        read_names(listing)
    assert str(caught.value) == f"{listing}:4: 'b' is listed already, in line 1"


def test_files_of_names(tmp_path) -> None:
    for name in ("a", "b", "town/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.png").touch()
    names = ["town/c", "a"]
    files = FolderFiles(tmp_path, ".png", names, "val.txt")
    assert {**files} == {"town/c": tmp_path / "town/c.png", "a": tmp_path / "a.png"}
    assert len(files) == 2
    assert missing_files(tmp_path, ".png", ["a", "town/a", "city/a", "z"]) == [
        "town/a", "city/a", "z"
    ]  # fmt: skip


def test_a_name_without_a_file_is_an_error(tmp_path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(MissingData) as caught:
        FolderFiles(tmp_path, ".png", ["a", "b", "c"], Path("val.txt"))
    expected = f"val.txt: 2 samples of 3 without a file in {tmp_path}; the first is b.png"
    assert str(caught.value) == expected


def test_the_folder_is_listed_once_and_no_file_is_examined(tmp_path, monkeypatch) -> None:
    names = [f"{i:05d}" for i in range(300)]
    for name in names:
        (tmp_path / f"{name}.png").touch()
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or listdir(folder))
    monkeypatch.setattr(os, "stat", lambda *_, **__: pytest.fail("asked for the status"))
    FolderFiles(tmp_path, ".png", names, "val.txt")
    assert listed == [tmp_path]
