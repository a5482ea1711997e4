"""SIFT Flow in its original format: two label maps of one image."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.splits import BrokenData, MissingData
from pluxel.plugins.datasets.siftflow import SCENES, WITHOUT_ANNOTATION, SIFTFlow

from .paper import make_siftflow, save_ids


def test_labels() -> None:
    semantic, geometric = (LabelSpace(SIFTFlow.labels[name]) for name in ("semantic", "geometric"))
    assert (semantic.num_classes, geometric.num_classes) == (33, 3)
    assert semantic.encode(np.array([[0, 1, 33]], np.uint8)).tolist() == [[255, 0, 32]]
    assert geometric.encode(np.array([[-1, 0, 1, 3]])).tolist() == [[255, 255, 0, 2]]
    assert geometric.class_names == ("sky", "horizontal", "vertical")
    assert [semantic.class_names.index(name) for name in ("cow", "desert", "moon")] == [8, 10, 15]


def test_numbers_of_images(tmp_path, monkeypatch) -> None:
    """2,688 images, of which 200 are for tests and two have no annotation."""
    root = make_siftflow(tmp_path)
    more = [f"coast_train{index}" for index in range(3, 2486)]
    listdir = os.listdir

    def with_more(folder: Path) -> list[str]:
        suffix = ".jpg" if folder.parent.name == "Images" else ".mat"
        return [*listdir(folder), *(name + suffix for name in more)]

    assert len(with_more(root / "Images" / SCENES)) == 2688
    monkeypatch.setattr(os, "listdir", with_more)
    splits = {split: SIFTFlow(split, root=root) for split in ("train", "trainval", "test")}
    assert {name: len(one) for name, one in splits.items()} == {
        "train": 2486, "trainval": 2486, "test": 200
    }  # fmt: skip
    assert splits["train"].names == splits["trainval"].names
    assert not {*splits["train"].names} & {*splits["test"].names, *WITHOUT_ANNOTATION}


def test_samples_have_both_label_maps(tmp_path) -> None:
    root = make_siftflow(tmp_path, tests=0)
    ids = np.arange(192).reshape(12, 16) % 34
    path = root / "SemanticLabels" / SCENES / "coast_train1.mat"
    save_ids(path, "S", ids.astype(np.uint8))
    save_ids(root / "GeoLabels" / SCENES / "coast_train1.mat", "S", ids % 5 - 1.0)
    sample = SIFTFlow("train", root=root / "Images")[1]
    assert sample.paths["semantic"] == path
    assert (sample.labels["semantic"] == ids).all()
    assert (sample.labels["geometric"] == ids % 5 - 1).all()


def test_hidden_files_are_no_images(tmp_path) -> None:
    root = make_siftflow(tmp_path, tests=0)
    (root / "Images" / SCENES / "._coast_train1.jpg").touch()  # as macOS writes
    assert SIFTFlow("train", root=root).names == tuple(f"coast_train{i}" for i in range(3))


def test_swapped_or_missing_files_are_named(tmp_path) -> None:
    root = make_siftflow(tmp_path, tests=0)
    path = root / "GeoLabels" / SCENES / "coast_train2.mat"
    save_ids(path, "LabelMap", np.zeros((12, 16)))
    with pytest.raises(ImageError, match=f"^{path}: has no variable 'S'; it has 'LabelMap'$"):
        SIFTFlow("train", root=root)[2].labels["geometric"]
    path.unlink()
    with pytest.raises(MissingData) as caught:
        SIFTFlow("train", root=root)
    assert str(caught.value) == (
        f"the images for training: 1 sample of 3 without a file in {path.parent}; the first is "
        "coast_train2.mat"
    )
    (root / "GeoLabels").rename(root / "Geo")
    with pytest.raises(MissingData, match="^geometric labels not found: "):
        SIFTFlow("train", root=root)


def test_swapped_labels(tmp_path) -> None:
    """They have the same names, so only their ids tell them apart."""
    root = make_siftflow(tmp_path, tests=0)
    semantic, geometric = (
        root / kind / SCENES / "coast_train0.mat" for kind in ("SemanticLabels", "GeoLabels")
    )
    save_ids(geometric, "S", np.full((12, 16), 3.0))
    for kind, ids in (("SemanticLabels", -1.0), ("GeoLabels", 4)):
        path = root / kind / SCENES / "coast_train0.mat"
        usual = path.read_bytes()
        save_ids(path, "S", np.full((12, 16), ids))
        with pytest.raises(BrokenData) as caught:
            SIFTFlow("train", root=root)
        assert str(caught.value) == (
            f"{semantic} has the ids of geometric labels, or {geometric} those of semantic ones: "
            "are SemanticLabels and GeoLabels swapped?"
        )
        path.write_bytes(b"damaged")
        assert len(SIFTFlow("train", root=root)) == 3
        path.write_bytes(usual)


def test_images_that_are_masks(tmp_path) -> None:
    root = make_siftflow(tmp_path, tests=3)
    (root / "Images").rename(root / "x")
    (root / "SemanticLabels").rename(root / "Images")
    (root / "x").rename(root / "SemanticLabels")
    swapped = ": are the folders of images and masks swapped?"
    with pytest.raises(BrokenData) as caught:
        SIFTFlow("train", root=root)
    first = sorted(one.name for one in (root / "Images" / SCENES).iterdir())[0]
    assert str(caught.value) == f"{root}/Images/{SCENES} has no files *.jpg, but {first}{swapped}"
    with pytest.raises(BrokenData, match=r"[.] The folder has .*[.]mat: are the folders of imag"):
        SIFTFlow("test", root=root)


def test_a_part_of_the_archive_is_noted(tmp_path, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    root = make_siftflow(tmp_path, tests=3)
    SIFTFlow("train", root=root)
    assert caplog.messages == [
        f"SIFT Flow: 3 of 2486 images to train on are in {root}/Images/{SCENES}; is the archive "
        "unpacked completely?"
    ]


def test_what_to_fetch(tmp_path) -> None:
    with pytest.raises(MissingData) as caught:
        SIFTFlow("test", root=tmp_path)
    assert caught.value.message == (
        f"SIFT Flow not found: no Images and SemanticLabels in any of {tmp_path}/, "
        f"{tmp_path}/SiftFlowDataset/, {tmp_path}/sift-flow/"
    )
    assert caught.value.notes == (
        "fetch SiftFlowDataset.zip, from the page of SuperParsing (Tighe & Lazebnik, UNC Chapel "
        "Hill)",
        f"so that {tmp_path} contains Images/{SCENES}, SemanticLabels/{SCENES} and "
        f"GeoLabels/{SCENES}",
    )
