"""PASCAL VOC in its original layout."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.colors import voc_color
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.images import read_palette_mask, write_palette_mask
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.splits import BrokenData, MissingData, SplitError
from pluxel.plugins.datasets.voc import COLORS, LABELS, VOC, origin, seg11valid

from .conftest import factory, make_voc


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
    make = factory("voc", root=tmp_path, year=year)
    assert make.params["year"] == "2011"
    assert make(split="train")[0].name.startswith("2011_")
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
        ("vla", r"has no split 'vla'; it has seg11valid, train, val\. Did you mean 'val'\?"),
        ("lists/my.txt", r"the list of split 'lists/my.txt' is not a file"),
    ],
)
def test_unknown_lists(tmp_path, split, message):
    root = make_voc(tmp_path)
    (root / "VOCdevkit/VOC2012/ImageSets/Segmentation/._val.txt").touch()  # as macOS writes
    with pytest.raises(SplitError, match=message):
        VOC(split, root=root)


def test_a_missing_dataset_lists_the_searched_folders(tmp_path):
    with pytest.raises(SplitError) as caught:
        VOC("train", root=tmp_path, year="2011")
    for folder in (tmp_path, tmp_path / "VOC2011", tmp_path / "VOCdevkit" / "VOC2011"):
        assert f"{folder}/" in str(caught.value)
    assert "note: or set  download: true" in str(caught.value)
    with pytest.raises(SplitError, match="PASCAL VOC 2012 not found"):
        VOC("train", root=tmp_path / "nowhere")


def test_another_year_is_not_taken_for_the_right_one(tmp_path):
    make_voc(tmp_path, "2011")
    (tmp_path / "VOCdevkit" / "VOC2011").rename(tmp_path / "VOC2011")
    with pytest.raises(MissingData, match="PASCAL VOC 2012 not found"):
        VOC("train", root=tmp_path)
    assert len(VOC("train", root=tmp_path, year="2011")) == 3


def test_seg11valid_needs_no_file(tmp_path):
    names = seg11valid()
    digest = hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()
    assert digest == "4ca991bd72c251fd2485eaa9e29536502ea3800d1b1c17c151fd6a04bcfbc2cc"
    years = Counter(name[:4] for name in names)
    assert years == {"2007": 321, "2008": 104, "2009": 132, "2010": 101, "2011": 78}
    folder = make_voc(tmp_path) / "VOCdevkit" / "VOC2012"
    with pytest.raises(MissingData, match=r"the list seg11valid: 736 samples of 736 without"):
        VOC("seg11valid", root=tmp_path)
    for name in names:
        (folder / "JPEGImages" / f"{name}.jpg").touch()
        (folder / "SegmentationClass" / f"{name}.png").touch()
    dataset = VOC("seg11valid", root=tmp_path)
    assert len(dataset) == 736
    assert (dataset.names[0], dataset.names[-1]) == ("2007_000033", "2011_003271")


def test_masks_with_applied_palette_are_an_error(tmp_path):
    folder = make_voc(tmp_path) / "VOCdevkit" / "VOC2012" / "SegmentationClass"
    path = folder / "2012_train_000000.png"
    with Image.open(path) as image:
        image.convert("RGB").save(path)
    with pytest.raises(ImageError) as caught:
        VOC("train", root=tmp_path)[0].labels["semantic"]
    assert str(caught.value) == (
        f"{path}: the mask contains colors, not ids: the palette of the original file was applied. "
        "Use the original file"
        "\n  note: if this file is an image, the folders of images and masks are swapped"
    )


def test_masks_with_another_palette_are_an_error(tmp_path):
    path = make_voc(tmp_path) / "VOCdevkit/VOC2012/SegmentationClass/2012_train_000000.png"
    ids = np.zeros((12, 16), np.uint8)
    ids[4:8] = 3
    colors = {0: (0, 0, 0), 3: voc_color(15)}
    write_palette_mask(path, ids, colors)
    with pytest.raises(ImageError) as caught:
        VOC("train", root=tmp_path)[0].labels["semantic"]
    assert str(caught.value) == (
        f"{path}: another palette than that of the original file: the pixels with id 3 have the "
        "color #c08080 of id 15. A program saved the mask with other ids; use the original file"
    )
    ids[ids == 3] = 2  # no pixel has the wrong color
    write_palette_mask(path, ids, {0: (0, 0, 0), 2: (9, 9, 9), 3: voc_color(15)})
    assert (VOC("train", root=tmp_path)[0].labels["semantic"] == ids).all()


def test_each_mask_is_checked_by_its_own_palette(tmp_path):
    """Two files of one dataset, and one file as two datasets read it, may differ."""
    ids = np.full((4, 4), 3, np.uint8)
    for name, color in (("right", voc_color(3)), ("wrong", voc_color(15))):
        write_palette_mask(tmp_path / f"{name}.png", ids, {3: color})
    right, wrong = tmp_path / "right.png", tmp_path / "wrong.png"
    for _ in range(2):
        assert (read_palette_mask(right, COLORS) == ids).all()
        with pytest.raises(ImageError, match="with id 3 have the color #c08080 of id 15"):
            read_palette_mask(wrong, COLORS)
        assert (read_palette_mask(wrong, {3: voc_color(15)}) == ids).all()
        with pytest.raises(ImageError, match="with id 3 have the color #808000 of id 7"):
            read_palette_mask(right, {7: voc_color(3)})


def test_the_archive_is_that_of_torchvision():
    (archive,) = origin("2011").archives()
    assert archive.name == "VOCtrainval_25-May-2011.tar"
    assert archive.hash == "md5:6c3384ef61512963050cb5d687e5bf1e"
    assert archive.folders == {"TrainVal/VOCdevkit/VOC2011": "VOCdevkit/VOC2011"}


def test_a_missing_folder_is_named(tmp_path):
    root = make_voc(tmp_path)
    (root / "VOCdevkit/VOC2012/SegmentationClass").rename(root / "gone")
    with pytest.raises(BrokenData, match=r"the masks of VOC not found: .*SegmentationClass"):
        VOC("train", root=root)


def test_images_and_masks_are_swapped(tmp_path):
    folder = make_voc(tmp_path) / "VOCdevkit" / "VOC2012"
    images, masks = folder / "JPEGImages", folder / "SegmentationClass"
    images.rename(folder / "x")
    masks.rename(images)
    (folder / "x").rename(masks)
    with pytest.raises(BrokenData) as caught:
        VOC("train", root=tmp_path)
    assert str(caught.value) == (
        f"{folder}/ImageSets/Segmentation/train.txt: 3 samples of 3 without a file in {images}; "
        "the first is 2012_train_000000.jpg. The folder has 2012_train_000000.png: are the folders "
        "of images and masks swapped?"
    )


@pytest.mark.parametrize("lists", ["Segmentation", "Segmentation/empty"])
def test_without_lists_the_error_says_what_to_do(tmp_path, lists):
    folder = make_voc(tmp_path) / "VOCdevkit" / "VOC2012" / "ImageSets"
    (folder / "Segmentation").rename(folder / "gone")
    (folder / lists).parent.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BrokenData) as caught:
        VOC("train", root=tmp_path)
    assert caught.value.notes == (
        "unpack or fetch again the training and validation data of VOC2012 from the site of the "
        "PASCAL VOC challenge (host.robots.ox.ac.uk/pascal/VOC/voc2012)",
        "the layout is VOC2012, with JPEGImages, SegmentationClass and ImageSets",
    )


def test_an_empty_list_is_named(tmp_path):
    listing = make_voc(tmp_path) / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"
    listing.write_text("")
    with pytest.raises(BrokenData, match=f"^{listing} is empty; expected one name in each line$"):
        VOC("train", root=tmp_path)
