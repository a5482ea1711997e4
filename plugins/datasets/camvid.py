"""CamVid in the layout of the SegNet tutorial: 11 classes and void, 480 × 360.

Brostow, Fauqueur, Cipolla, "Semantic object classes in video" (2009); 367 / 101 / 233 images for
train / val / test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core import LabelMap
from ...core.authoring import (
    FilePair,
    PairedFiles,
    existing_folder,
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


class CamVid(PairedFiles):
    """``root/SPLIT/*.png`` with ``root/SPLITannot/*.png``, in the order of the video.

    ``root``: the folder of CamVid, with ``train``, ``trainannot`` and the others.

    If ``root/SPLIT.txt`` exists, it selects and orders the images. Only the file names of its
    lines matter (``/SegNet/CamVid/train/X.png /SegNet/CamVid/trainannot/X.png``).

    Raises: MissingData for a missing folder, SplitError for an unknown split.
    """

    labels: Mapping[str, LabelMap] = {"semantic": LABELS}

    def __init__(self, split: str, *, root: Path) -> None:
        existing_folder(root, "CamVid")
        known = {path.name.removesuffix("annot") for path in root.glob("*annot") if path.is_dir()}
        if split not in known:
            raise unknown_split(split, known, root)
        images = existing_folder(root / split, f"the images of split '{split}'")
        masks = root / f"{split}annot"
        listing = root / f"{split}.txt"
        if listing.is_file():
            super().__init__(_listed(listing, images, masks))
        else:
            pairs, alone = pair_up(images_in(images), images_in(masks))
            super().__init__(pairs, unpaired=alone)


def _listed(listing: Path, images: Path, masks: Path) -> list[FilePair]:
    rows = [line.split() for line in read_lines(listing)]
    names = [(Path(row[0]).name, Path(row[-1]).name) for row in rows if row]
    return [FilePair(Path(image).stem, images / image, masks / mask) for image, mask in names]
