"""PASCAL VOC segmentation in its original layout: 20 classes and background.

Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge" (2010). 1,112 / 1,111 images
for train / val of 2011, 1,464 / 1,449 of 2012.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ...core import LabelMap, MissingData
from ...core.authoring import (
    FilePair,
    PairedFiles,
    existing_folder,
    expand_home,
    read_lines,
    unknown_split,
    voc_color,
)

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
LABELS = LabelMap(
    ids=dict(enumerate(CLASSES)) | {255: "ignore"},
    palette={name: voc_color(index) for index, name in enumerate(CLASSES)}
    | {"ignore": voc_color(255)},
)


class VOC(PairedFiles):
    """``JPEGImages/ID.jpg`` with ``SegmentationClass/ID.png`` (palette indices, 255 is void).

    ``root``: the folder ``VOC2012``, or one that contains ``VOC2012`` or ``VOCdevkit``.
    ``year``: year in the name of the folder ``VOC2012``.

    A split is the name of a list in ``ImageSets/Segmentation`` (``train``, ``val``, ``trainval``,
    ``seg11valid`` …), or the path of a list file.

    Raises: MissingData for a missing folder or file, SplitError for an unknown list.
    """

    labels: Mapping[str, LabelMap] = {"semantic": LABELS}

    def __init__(
        self,
        split: str,
        *,
        root: Path,
        year: Literal["2011", "2012", 2011, 2012] = "2012",
    ) -> None:
        folder = _find(root, f"VOC{year}")
        images = existing_folder(folder / "JPEGImages", "the images of VOC")
        masks = existing_folder(folder / "SegmentationClass", "the masks of VOC")
        names = _read_list(_find_list(folder / "ImageSets" / "Segmentation", split))
        pairs = [FilePair(name, images / f"{name}.jpg", masks / f"{name}.png") for name in names]
        super().__init__(pairs)


def _find(root: Path, year: str) -> Path:
    existing_folder(root, "VOC")
    for folder in (root, root / year, root / "VOCdevkit" / year):
        if (folder / "JPEGImages").is_dir():
            return folder
    raise MissingData(
        f"VOC not found: none of {root}/, {root / year}/ and "
        f"{root / 'VOCdevkit' / year}/ has a folder JPEGImages"
    )


def _find_list(folder: Path, split: str) -> Path:
    if split.endswith(".txt") or "/" in split:
        if expand_home(Path(split)).is_file():
            return expand_home(Path(split))
        raise MissingData(f"the list of split '{split}' is not a file")
    listing = existing_folder(folder, "the lists of VOC") / f"{split}.txt"
    if not listing.is_file():
        raise unknown_split(split, [path.stem for path in folder.glob("*.txt")], folder)
    return listing


def _read_list(listing: Path) -> list[str]:
    """Return the first word of each line; some lists have further columns."""
    return [line.split()[0] for line in read_lines(listing) if line.strip()]
