"""Samples whose files have different EXIF orientations are reported, once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.common.logs import images_counted
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.check import check_data
from pluxel.core.data.images import read_image, read_index_mask
from pluxel.core.data.orientation import orientation_conflict, orientation_of
from pluxel.core.data.samples import EvaluationData, TrainingData
from pluxel.plugins.datasets.folder import Folder

from .image_files import exif

SPACES = {"semantic": LabelSpace(LabelMap({0: "ground", 1: "thing"}))}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return three samples, whose images only are upside down by their tag."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    ids = np.arange(36, dtype=np.uint8).reshape(6, 6) % 2
    for name in "abc":
        Image.fromarray(ids * 200).convert("RGB").save(
            tmp_path / "images" / f"{name}.jpg", exif=exif(3)
        )
        Image.fromarray(ids).save(tmp_path / "masks" / f"{name}.png")
    return Folder(
        "all", images=tmp_path / "images", masks=tmp_path / "masks", classes=["ground", "thing"]
    )


def test_a_check_finds_them(folder: Folder) -> None:
    report = check_data({"train": folder}, SPACES)
    (finding,) = [one for one in report.findings if one.kind == "orientation"]
    assert finding.message.startswith(
        "3 samples: files of one sample have different EXIF orientations ("
    )
    assert "a.jpg: 3" in finding.message
    assert "a.png: 1" in finding.message
    assert finding in report.problems


@pytest.mark.parametrize("kind", [TrainingData, EvaluationData])
def test_reading_warns_once(folder: Folder, kind, caplog) -> None:
    data = kind(folder, SPACES)
    with images_counted():
        for i in range(3):
            data[i]
    assert caplog.messages == [
        "3 images with another EXIF orientation than other files of the same sample, so labels may "
        "belong to other pixels (save all files upright, without this tag), such as "
        f"{data[0].paths['image']}"
    ]


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.png" for name in "ab"}
    for name, number in (("a", 6), ("b", 1)):
        Image.new("L", (4, 4)).save(paths[name], exif=exif(number))
    assert orientation_conflict(paths) is not None
    Image.new("L", (4, 4)).save(paths["a"])
    os.utime(paths["a"], ns=(0, 0))  # another time, whatever the resolution of the clock
    assert orientation_conflict(paths) is None


def test_equal_tags_arrays_and_missing_files_agree(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (4, 4)).save(tmp_path / name, exif=exif(6))
    np.save(tmp_path / "c.npy", np.zeros((4, 4)))
    assert orientation_conflict({"a": tmp_path / "a.png", "b": tmp_path / "b.png"}) is None
    assert orientation_conflict({"c": tmp_path / "c.npy", "d": tmp_path / "none.png"}) is None
    assert orientation_conflict({"a": tmp_path / "a.png", "c": tmp_path / "c.npy"}) is not None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_files_that_were_read_are_not_opened_again(
    tmp_path: Path, suffix: str, monkeypatch
) -> None:
    paths = {name: tmp_path / f"{name}{suffix}" for name in "ab"}
    for name, number in (("a", 6), ("b", 1)):
        Image.new("L", (4, 4)).save(paths[name], exif=exif(number))
    read_image(paths["a"])
    read_index_mask(paths["b"])
    monkeypatch.setattr(Image, "open", lambda _path: pytest.fail("opened again"))
    assert (orientation_of(paths["a"]), orientation_of(paths["b"])) == (6, 1)
    os.utime(paths["a"], ns=(0, 0))
    with pytest.raises(pytest.fail.Exception, match="opened again"):
        orientation_of(paths["a"])
