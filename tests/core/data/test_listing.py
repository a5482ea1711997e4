"""Lists of names, and the files of these names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pluxel.core.data.listing import (
    FolderFiles,
    matched_files,
    missing_files,
    names_in,
    read_names,
)
from pluxel.core.data.splits import BrokenData, MissingData, SplitError


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
    assert "a" in files
    assert "b" not in files  # although the folder has such a file
    assert files.get("b") is None
    with pytest.raises(KeyError, match="^'b'$"):
        files["b"]
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


def test_names_in_a_folder(tmp_path) -> None:
    for name in ("b_x.png", "a_x.png", "a_y.png", "._c_x.png", "town/d_x.png", ".trash/e_x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names_in(tmp_path, "_x.png") == ["a", "b"]
    assert names_in(tmp_path, "_x.png", subfolders=True) == ["town/d"]
    assert names_in(tmp_path / "none", ".png") == []


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        ("b.jpg", "The folder has b.jpg: are the folders of images and masks swapped?"),
        ("b.PNG", "The folder has b.PNG: rename it"),
    ],
)
def test_a_file_of_the_name_with_another_suffix(tmp_path, there, hint) -> None:
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / there).touch()
    (tmp_path / "town" / "bb.jpg").touch()
    with pytest.raises(BrokenData) as caught:
        FolderFiles(tmp_path, ".png", ["town/b"], "val.txt")
    assert str(caught.value) == (
        f"val.txt: 1 sample of 1 without a file in {tmp_path}; the first is town/b.png. {hint}"
    )


@pytest.mark.parametrize("content", ["", "\n  \n"])
def test_an_empty_list_is_named(tmp_path, content) -> None:
    listing = tmp_path / "train.txt"
    listing.write_text(content)
    with pytest.raises(BrokenData) as caught:
        read_names(listing)
    assert str(caught.value) == f"{listing} is empty; expected one name in each line"


def test_swapped_folders_of_two_suffixes(tmp_path) -> None:
    images, masks = (tmp_path / "images", ".jpg"), (tmp_path / "masks", "_ids.png")
    for folder, suffix in ((images[0], masks[1]), (masks[0], images[1])):
        (folder / "town").mkdir(parents=True)
        (folder / "town" / f"b{suffix}").touch()
    with pytest.raises(BrokenData) as caught:
        matched_files(images, masks, subfolders=True)
    assert str(caught.value) == (
        f"{images[0]} has no files */*.jpg, but town/b_ids.png: are the folders of images and "
        "masks swapped?"
    )


def test_files_of_two_folders_match(tmp_path) -> None:
    images, masks = (tmp_path / "images", ".jpg"), (tmp_path / "masks", "_ids.png")
    for folder, suffix in (images, masks):
        folder.mkdir()
        for name in ("b", "a"):
            (folder / f"{name}{suffix}").touch()
    (masks[0] / "a_color.png").touch()
    names, image_files, mask_files = matched_files(images, masks)
    assert names == ["a", "b"]
    assert {**image_files} == {name: images[0] / f"{name}.jpg" for name in names}
    assert {**mask_files} == {name: masks[0] / f"{name}_ids.png" for name in names}
    (masks[0] / "c_ids.png").touch()
    with pytest.raises(MissingData) as caught:
        matched_files(images, masks)
    assert str(caught.value) == (
        f"{masks[0]}: 1 sample of 3 without a file in {images[0]}; the first is c.jpg"
    )
    with pytest.raises(MissingData, match=f"^{images[0]} has no files [*].webp$"):
        matched_files((images[0], ".webp"), masks)
