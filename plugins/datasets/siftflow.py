"""SIFT Flow: outdoor scenes of 256 × 256 with 33 semantic and 3 geometric classes.

Liu, Yuen & Torralba, "Nonparametric scene parsing via label transfer" (2011); geometric classes by
Tighe & Lazebnik, "SuperParsing" (2010). 2,486 / 200 images for train / test: two of the 2,688
images have no annotation. There is no published palette; classes have the colors of VOC in order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...core import LabelMap
from ...core.authoring import (
    IGNORE,
    BrokenData,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    log_once,
    names_in,
    no_files,
    read_mat_labels,
    unknown_split,
)
from ...registry import PluxelError
from .published import listed

SEMANTIC = (
    "awning",
    "balcony",
    "bird",
    "boat",
    "bridge",
    "building",
    "bus",
    "car",
    "cow",
    "crosswalk",
    "desert",
    "door",
    "fence",
    "field",
    "grass",
    "moon",
    "mountain",
    "person",
    "plant",
    "pole",
    "river",
    "road",
    "rock",
    "sand",
    "sea",
    "sidewalk",
    "sign",
    "sky",
    "staircase",
    "streetlight",
    "sun",
    "tree",
    "window",
)
GEOMETRIC = ("sky", "horizontal", "vertical")
SCENES = "spatial_envelope_256x256_static_8outdoorcategories"
TRAINING_IMAGES = 2486
WITHOUT_ANNOTATION = ("highway_bost181", "street_urb506")
ORIGIN = Origin(
    "SIFT Flow",
    "SiftFlowDataset.zip, from the page of SuperParsing (Tighe & Lazebnik, UNC Chapel Hill)",
    f"Images/{SCENES}, SemanticLabels/{SCENES} and GeoLabels/{SCENES}",
    ("Images", "SemanticLabels"),
    ("SiftFlowDataset", "sift-flow"),
)


class SIFTFlow(FileDataset):
    """``Images/…/ID.jpg`` with the key ``S`` of ``SemanticLabels/…/ID.mat`` and ``GeoLabels/…``.

    ``root``: the folder that contains ``Images``, ``SemanticLabels`` and ``GeoLabels``, or one
    around it. … stands for ``spatial_envelope_256x256_static_8outdoorcategories``.
    ``download``: not permitted by the terms of SIFT Flow; the error says what to fetch.

    Its label maps are ``semantic`` and ``geometric``. The splits are ``test``, the published list,
    and ``train`` (also called ``trainval``), all other annotated images.

    Raises: MissingData for a missing folder or file, SplitError for an unknown split.
    """

    labels: Mapping[str, LabelMap] = {
        "semantic": LabelMap({0: IGNORE} | dict(enumerate(SEMANTIC, 1))),
        "geometric": LabelMap({-1: IGNORE, 0: IGNORE} | dict(enumerate(GEOMETRIC, 1))),
    }

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        folder = dataset_root(root, ORIGIN, download=download)
        images = ORIGIN.part(folder / "Images" / SCENES, "the images of SIFT Flow")
        names, source = _names(split, images)
        masks = {
            "semantic": ORIGIN.part(folder / "SemanticLabels" / SCENES, "semantic labels"),
            "geometric": ORIGIN.part(folder / "GeoLabels" / SCENES, "geometric labels"),
        }
        read = partial(read_mat_labels, key="S")
        super().__init__(
            names,
            {"image": InputFiles(FolderFiles(images, ".jpg", names, source))},
            {
                name: LabelFiles(FolderFiles(place, ".mat", names, source), read)
                for name, place in masks.items()
            },
        )
        if split != "test" and len(names) < TRAINING_IMAGES:
            text = (
                f"SIFT Flow: {len(names)} of {TRAINING_IMAGES} images to train on are in {images}"
            )
            log_once(logging.INFO, f"{text}; is the archive unpacked completely?")
        if names:
            _check_order(*(self.label_files[name].files[names[0]] for name in self.labels))


def _check_order(semantic: Path, geometric: Path) -> None:
    """Raise BrokenData if the files of an image show that the two kinds of labels are swapped.

    They have the same names; only geometric labels have -1, and only semantic ones exceed 3.
    """
    found = []
    with suppress(PluxelError):  # of a damaged file, which reading it later names
        found = [read_mat_labels(path, "S") for path in (semantic, geometric)]
    if found and (found[0].min(initial=0) < 0 or found[1].max(initial=0) > len(GEOMETRIC)):
        raise BrokenData(
            f"{semantic} has the ids of geometric labels, or {geometric} those of semantic ones: "
            "are SemanticLabels and GeoLabels swapped?"
        )


def _names(split: str, images: Path) -> tuple[list[str], str]:
    """Return the names of a split, and what they are."""
    tests = listed("siftflow_test")
    if split == "test":
        return tests, "the list of test images"
    if split not in ("train", "trainval"):
        raise unknown_split(split, ("test", "train", "trainval"), images)
    others = {*tests, *WITHOUT_ANNOTATION}
    if not (found := names_in(images, ".jpg")):
        raise no_files(images, ".jpg", ".mat")
    return [name for name in found if name not in others], "the images for training"
