"""Classes, ids, colors and origins of published datasets."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from pluxel.core.config.sections.labels import declared_labels
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.images import read_palette_mask
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.splits import MissingData
from pluxel.plugins.datasets.ade20k import ADE20K
from pluxel.plugins.datasets.coco_stuff import COCOStuff
from pluxel.plugins.datasets.loveda import LoveDA, origin
from pluxel.plugins.datasets.mapillary_vistas import MapillaryVistas
from pluxel.plugins.datasets.oxford_pets import ORIGIN, OxfordPets
from pluxel.plugins.datasets.published import facts, published_colors, published_labels
from torchvision.datasets import OxfordIIITPet

from .conftest import factory
from .published import LAYOUTS
from .test_published import opened

FACTS = {
    "cityscapes": (19, {7: "road", 17: "pole", 24: "person", 33: "bicycle"}, "3fa45b3b42a042e6"),
    "ade20k": (150, {1: "wall", 8: "bed", 13: "person", 150: "flag"}, "a62813dba850e8d9"),
    "coco_stuff": (
        171,
        {0: "person", 12: "stop sign", 91: "banner", 181: "wood"},
        "d54c2ced255ab2fa",
    ),
    "loveda": (7, {1: "background", 2: "building", 7: "agricultural"}, "edefc11bfb93411d"),
    "mapillary_vistas_1.2": (66, {0: "Bird", 13: "Road", 65: "Unlabeled"}, "8c50f1f167fde063"),
    "mapillary_vistas_2.0": (124, {0: "Bird", 21: "Road", 123: "Unlabeled"}, "af59742a4b8924c6"),
}
"""Number of classes, some ids, and the start of the SHA-256 of all ids, classes and colors."""

IGNORED = {
    "cityscapes": [*range(7), 9, 10, 14, 15, 16, 18, 29, 30],
    "ade20k": [0],
    "coco_stuff": [11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90, 255],
    "loveda": [0],
    "mapillary_vistas_1.2": [],
    "mapillary_vistas_2.0": [],
}


@pytest.mark.parametrize("name", FACTS)
def test_classes_ids_and_colors(name) -> None:
    number, some, digest = FACTS[name]
    labels = published_labels(name)
    assert LabelSpace(labels).num_classes == number
    assert len({one.strip().casefold() for one in labels.class_names}) == number
    assert {raw: labels.ids[raw] for raw in some} == some
    assert [raw for raw, one in labels.ids.items() if one == "ignore"] == IGNORED[name]
    content = json.dumps(facts(name)["classes"]).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == digest
    assert [*published_colors(name)] == sorted(published_colors(name))


def test_a_few_colors() -> None:
    assert published_labels("cityscapes").palette["road"] == (128, 64, 128)
    assert published_labels("ade20k").palette["flag"] == (92, 0, 255)
    assert published_labels("loveda").palette["background"] == (255, 255, 255)


def test_classes_with_one_published_color_get_different_ones() -> None:
    labels = published_labels("mapillary_vistas_2.0")
    published = published_colors("mapillary_vistas_2.0")
    car, group = (labels.class_names.index(name) for name in ("Car", "Vehicle Group"))
    assert published[car] == published[group] == (0, 0, 142)
    assert labels.palette["Car"] == (0, 0, 142)
    assert "Vehicle Group" not in labels.palette
    assert len({tuple(color) for color in LabelSpace(labels).palette.tolist()}) == 124


def test_every_class_is_encoded_as_its_position(tmp_path) -> None:
    space = LabelSpace(COCOStuff.labels["semantic"])
    raw = np.array([[0, 10, 11, 12, 181, 255]], np.uint8)
    assert space.encode(raw).tolist() == [[0, 10, 255, 11, 170, 255]]
    pets = LabelSpace(OxfordPets.labels["semantic"])
    assert pets.class_names == ("foreground", "background", "boundary")
    assert pets.encode(np.array([[1, 2, 3]], np.uint8)).tolist() == [[0, 1, 2]]


def test_scenes(tmp_path) -> None:
    folder = LAYOUTS["loveda"].write(tmp_path)
    names = {scene: opened(LAYOUTS["loveda"], "val", folder, scene=scene).names
             for scene in ("urban", "rural", "both")}  # fmt: skip
    assert names == {
        "urban": ("Urban/2va",),
        "rural": ("Rural/1va",),
        "both": ("Rural/1va", "Urban/2va"),
    }
    (folder / "Val/Rural").rename(folder / "Val/Country")
    with pytest.raises(MissingData, match="^the images of scene rural not found: "):
        LoveDA("val", root=folder)
    assert len(LoveDA("val", root=folder, scene="urban")) == 1


@pytest.mark.parametrize(("version", "number"), [("1.2", 66), (2.0, 124)])
def test_classes_are_known_without_files(version, number) -> None:
    make = factory("mapillary_vistas", root="none", version=version)  # YAML reads 2.0 as a number
    labels = declared_labels(make.target, make.params)
    assert LabelSpace(labels["semantic"]).num_classes == number
    assert declared_labels(ADE20K)["semantic"] == published_labels("ade20k")


def test_masks_of_another_version(tmp_path) -> None:
    folder = LAYOUTS["mapillary_vistas"].write(tmp_path)
    with pytest.raises(MissingData) as caught:
        MapillaryVistas("val", root=folder, version="2.0")
    place = folder / "validation"
    assert str(caught.value) == (
        f"{place}/labels belongs to version 1.2 of Mapillary Vistas; masks of version 2.0 are in "
        f'{place}/v2.0/labels. Set version: "1.2", or fetch '
        "mapillary-vistas-dataset_public_v2.0.zip"
    )
    path = folder / "mask.png"
    LAYOUTS["mapillary_vistas"].save_mask(path, np.full((4, 4), 2))
    with pytest.raises(ImageError, match="the pixels with id 2 have the color #c4c4c4 of id 4. "):
        read_palette_mask(path, published_colors("mapillary_vistas_2.0"))


def test_ids_of_one_color_are_not_mistaken(tmp_path) -> None:
    layout = LAYOUTS["mapillary_vistas, 2.0"]
    ids = np.arange(124).reshape(4, 31)
    layout.save_mask(tmp_path / "mask.png", ids)
    read = read_palette_mask(tmp_path / "mask.png", published_colors("mapillary_vistas_2.0"))
    assert (read == ids).all()


FETCH = {
    "cityscapes": (
        "Cityscapes not found: no leftImg8bit and gtFine in any of",
        "leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from the site of Cityscapes "
        "(cityscapes-dataset.com), after registration",
        "leftImg8bit and gtFine, with folders train and val of cities",
    ),
    "cityscapes, coarse": (
        "Cityscapes not found: no leftImg8bit and gtCoarse in any of",
        "leftImg8bit_trainvaltest.zip and gtCoarse.zip from the site of Cityscapes "
        "(cityscapes-dataset.com), after registration",
        "leftImg8bit and gtCoarse, with folders train and val of cities",
    ),
    "ade20k": (
        "ADE20K not found: no images/training and annotations/training in any of",
        "ADEChallengeData2016.zip, the scene parsing benchmark, from the site of MIT CSAIL "
        "(sceneparsing.csail.mit.edu)",
        "images/training and annotations/training",
    ),
    "coco_stuff": (
        "COCO-Stuff not found: no train2017 and stuffthingmaps/train2017 in any of",
        "train2017.zip from the site of COCO (cocodataset.org) and "
        "stuffthingmaps_trainval2017.zip from that of COCO-Stuff (github.com/nightrome/cocostuff)",
        "train2017 and stuffthingmaps/train2017",
    ),
    "mapillary_vistas, 2.0": (
        "Mapillary Vistas not found: no training/images in any of",
        "mapillary-vistas-dataset_public_v2.0.zip, which has the annotations of versions 1.2 and "
        "2.0, from the site of Mapillary (mapillary.com/dataset/vistas), after registration",
        "training/images and training/v2.0/labels",
    ),
    "oxford_pets": (
        "the Oxford-IIIT Pet Dataset not found: no images and annotations/trimaps in any of",
        "images.tar.gz and annotations.tar.gz from the site of the Visual Geometry Group "
        "(robots.ox.ac.uk/~vgg/data/pets)",
        "images and annotations/trimaps",
    ),
    "loveda": (
        "LoveDA not found: no Train in any of",
        "Train.zip of record 5706578 on Zenodo (Wang et al., LoveDA)",
        "Train/Urban and Train/Rural, each with images_png and masks_png",
    ),
}
"""The error of a folder without the dataset, what to fetch, and what the folder must contain."""


@pytest.mark.parametrize("name", FETCH)
def test_what_to_fetch(tmp_path, name) -> None:
    message, fetch, layout = FETCH[name]
    with pytest.raises(MissingData) as caught:
        opened(LAYOUTS[name], "train", tmp_path)
    assert caught.value.message.startswith(f"{message} {tmp_path}/, ")
    download = ["or set  download: true"] * (name in ("oxford_pets", "loveda"))
    notes = [f"fetch {fetch}", f"so that {tmp_path} contains {layout}", *download]
    assert [*caught.value.notes] == notes


def test_the_list_of_a_split_of_pets(tmp_path) -> None:
    folder = LAYOUTS["oxford_pets"].write(tmp_path)
    (folder / "annotations/test.txt").unlink()
    with pytest.raises(MissingData) as caught:
        OxfordPets("test", root=folder)
    assert caught.value.message == f"the list {folder}/annotations/test.txt is not a file"
    assert caught.value.notes[1] == "the layout is images and annotations/trimaps"


def test_archives() -> None:
    """Those of pets are torchvision's."""
    known = {url: f"md5:{md5}" for url, md5 in OxfordIIITPet._RESOURCES}
    assert {one.url: one.hash for one in ORIGIN.archives()} == known
    assert [(one.name, one.folders) for one in ORIGIN.archives()] == [
        ("images.tar.gz", {"images": "images"}),
        ("annotations.tar.gz", {"annotations": "annotations"}),
    ]
    (val,) = origin("Val").archives()
    assert (val.name, val.folders, val.size) == ("Val.zip", {"Val": "Val"}, 2_425_958_254)
    assert val.url == "https://zenodo.org/records/5706578/files/Val.zip?download=1"
    assert val.hash == "md5:84cae2577468ff0b5386758bb386d31d"
