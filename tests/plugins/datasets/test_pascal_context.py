"""PASCAL-Context in its original format, with 59 or 60 of its 459 classes."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.splits import MissingData, SplitError
from pluxel.plugins.datasets.pascal_context import PascalContext, label_map
from pluxel.plugins.datasets.voc import CLASSES

from .paper import make_pascal_context, save_ids


def test_classes_have_the_order_of_the_fcn_release() -> None:
    classes = LabelSpace(label_map(60)).class_names
    assert classes[:21] == CLASSES
    assert (classes[21], classes[31], classes[41], classes[51], classes[59]) == (
        "bag", "door", "mouse", "snow", "wood"
    )  # fmt: skip
    assert LabelSpace(label_map(59)).class_names == classes[1:]


def test_raw_ids() -> None:
    raw = np.array([[0, 2, 397, 19, 80, 1, 459, 458]], np.uint16)
    with_background, without = LabelSpace(label_map(60)), LabelSpace(label_map(59))
    names = [with_background.class_names[i] for i in with_background.encode(raw)[0]]
    background, named = "background", ["aeroplane", "diningtable", "bedcloth", "clothes"]
    assert names == [background, *named, background, background, "wood"]
    assert without.encode(raw)[0].tolist() == [255, 0, 10, 51, 27, 255, 255, 58]
    assert with_background.decode(np.array([0, 1])).tolist() == [0, 2]
    assert sorted(label_map(59).ids) == sorted(label_map(60).ids) == [*range(460)]


def test_the_names_of_all_459_classes() -> None:
    text = (files("pluxel.plugins.datasets") / "pascal_context.json").read_text()
    names = json.loads(text)["names"]
    assert (names[0], names[1], names[458]) == ("accordion", "aeroplane", "wool")
    assert len({*names}) == 459


def test_samples_and_images_without_labels(tmp_path, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    folder = make_pascal_context(tmp_path) / "VOCdevkit" / "VOC2010"
    path = folder / "context" / "trainval" / "2008_val_000001.mat"
    ids = np.arange(192, dtype=np.uint16).reshape(12, 16) + 268
    save_ids(path, "LabelMap", ids)
    dataset = PascalContext("val", root=tmp_path, classes=59)
    assert dataset.names == ("2008_val_000000", "2008_val_000001")
    assert (dataset[1].labels["semantic"] == ids).all()
    assert dataset[1].paths["semantic"] == path
    assert dataset.labels == {"semantic": label_map(59)}
    assert caplog.messages == [
        f"{folder}/ImageSets/Main/val.txt: 1 of 3 images have no labels in {path.parent}; left out"
    ]


def test_labels_may_be_elsewhere(tmp_path) -> None:
    folder = make_pascal_context(tmp_path / "a") / "VOCdevkit" / "VOC2010"
    (folder / "context").rename(tmp_path / "labels")
    for place in ("labels", "labels/trainval", "."):
        data = PascalContext("train", root=folder, classes=60, context=tmp_path / place)
        assert data[0].paths["semantic"].parent == tmp_path / "labels" / "trainval"
    with pytest.raises(MissingData) as caught:
        PascalContext("train", root=folder / "JPEGImages", classes=60, context=folder / "ImageSets")
    assert caught.value.message.startswith("PASCAL-Context not found: no trainval in any of ")
    assert caught.value.notes[0] == (
        "fetch trainval.tar.gz, the labels of all 459 classes, from the page of PASCAL-Context "
        "(Mottaghi et al., Stanford)"
    )


def test_wrong_splits(tmp_path) -> None:
    folder = make_pascal_context(tmp_path) / "VOCdevkit" / "VOC2010"
    with pytest.raises(SplitError, match=r"no split 'seg11valid'; it has train, val\."):
        PascalContext("seg11valid", root=tmp_path, classes=59)
    for path in (folder / "context" / "trainval").iterdir():
        path.unlink()
    with pytest.raises(MissingData, match=r"val\.txt: none of 3 images has labels in "):
        PascalContext("val", root=tmp_path, classes=59)
