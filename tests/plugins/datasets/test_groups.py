"""The groups that datasets name, also through datasets of datasets."""

from __future__ import annotations

from pathlib import Path

from pluxel.core.authoring import group_of, open_split
from pluxel.plugins.datasets.concat import Concat
from pluxel.plugins.datasets.masked import Masked

from .conftest import concat_parameters, factory, folder_parameters, make_camvid, masked_parameters

VIDEOS = ["0001TP_006690", "0006R0_f00930", "0016E5_00390", "Seq05VD_f00000"]


def test_camvid_names_the_video_of_each_frame(tmp_path: Path) -> None:
    root = make_camvid(tmp_path)
    for place in ("train", "trainannot"):
        for file, name in zip(sorted((root / place).iterdir()), VIDEOS, strict=True):
            file.rename(file.with_name(f"{name}.png"))
    make = factory("camvid", root=root)
    parts = open_split(make, "train[2:] + val[:1]")
    assert [group_of(parts, index) for index in range(3)] == ["0016E5", "Seq05VD", "0016E5"]
    whole = open_split(make, "train")
    assert [group_of(whole, at) for at in range(4)] == ["0001TP", "0006R0", "0016E5", "Seq05VD"]


def test_a_dataset_without_groups(tmp_path: Path) -> None:
    assert group_of(open_split(factory("folder", **folder_parameters(tmp_path)), "train"), 0) == ""


def test_datasets_of_datasets_name_those_of_their_parts(tmp_path: Path) -> None:
    masked = Masked("train", **masked_parameters(tmp_path / "a"))
    assert group_of(masked, 0) == "0016E5"
    joined = Concat("train", **concat_parameters(tmp_path / "b"))
    found = [group_of(joined, index) for index in range(len(joined))]
    assert found == ["cam/0016E5"] * 4 + [""] * (len(joined) - 4)
    assert len(joined) > 4
