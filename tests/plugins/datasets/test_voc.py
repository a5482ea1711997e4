"""PASCAL VOC in its original layout."""

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.splits import SplitError
from pluxel.plugins.datasets.voc import LABELS, VOC

from .conftest import make_voc


def test_labels():
    space = LabelSpace(LABELS)
    assert space.num_classes == 21
    assert space.class_names[15] == "person"
    assert space.palette[15].tolist() == [192, 128, 128]
    assert space.encode(np.array([[255, 20]], np.uint8)).tolist() == [[255, 20]]
    assert space.colorize(np.array([[255]], np.uint8)).tolist() == [[[224, 224, 192]]]


@pytest.mark.parametrize("below", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_root_may_be_any_parent_folder(tmp_path, below):
    assert len(VOC("train", root=make_voc(tmp_path) / below)) == 3


@pytest.mark.parametrize("year", ["2011", 2011])
def test_year_chooses_the_folder(tmp_path, year):
    make_voc(tmp_path, "2011")
    make_voc(tmp_path, "2012")
    assert VOC("train", root=tmp_path, year=year)[0].name.startswith("2011_")
    assert VOC("train", root=tmp_path)[0].name.startswith("2012_")


def test_masks_are_palette_indices(tmp_path):
    sample = VOC("train", root=make_voc(tmp_path))[0]
    assert Image.open(sample.paths["semantic"]).mode == "P"
    ids = sample.labels["semantic"]
    assert ids[3, 3] == 255
    assert 1 <= ids[5, 5] <= 20


def test_any_list_is_a_split(tmp_path):
    root = make_voc(tmp_path)
    lists = root / "VOCdevkit" / "VOC2012" / "ImageSets" / "Segmentation"
    (lists / "seg11valid.txt").write_text("2012_val_000001\n\n2012_train_000002 1\n")
    for split in ("seg11valid", str(lists / "seg11valid.txt")):
        dataset = VOC(split, root=root)
        assert [dataset[i].name for i in range(2)] == ["2012_val_000001", "2012_train_000002"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("vla", r"has no split 'vla'; it has train, val\. Did you mean 'val'\?"),
        ("lists/my.txt", r"the list of split 'lists/my.txt' is not a file"),
    ],
)
def test_unknown_lists(tmp_path, split, message):
    with pytest.raises(SplitError, match=message):
        VOC(split, root=make_voc(tmp_path))


def test_a_missing_dataset_lists_the_searched_folders(tmp_path):
    with pytest.raises(SplitError) as caught:
        VOC("train", root=tmp_path, year="2011")
    for folder in (tmp_path, tmp_path / "VOC2011", tmp_path / "VOCdevkit" / "VOC2011"):
        assert f"{folder}/" in str(caught.value)
    with pytest.raises(SplitError, match="VOC not found"):
        VOC("train", root=tmp_path / "nowhere")


def test_a_missing_folder_is_named(tmp_path):
    root = make_voc(tmp_path)
    (root / "VOCdevkit/VOC2012/SegmentationClass").rename(root / "gone")
    with pytest.raises(SplitError, match=r"the masks of VOC not found: .*SegmentationClass"):
        VOC("train", root=root)
