"""COCO-Stuff: 80 things and 91 stuff classes in all images of COCO 2017.

Caesar, Uijlings & Ferrari, "COCO-Stuff: thing and stuff classes in context" (2018). 118,287 / 5,000
images for train / val. The 171 classes have ids of 0 to 181 with gaps; the gaps and 255 are
ignored. Colors are those of mmsegmentation; of several classes with one color, the first keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    FileDataset,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    matched_files,
    read_original_mask,
    split_folder,
)
from .published import published_labels

_SPLITS = {"train": "train2017", "val": "val2017"}
_UNLABELED = {"test": "test2017", "test2017": "test2017"}
_read = partial(read_original_mask, advice=": use the original file of stuffthingmaps")


class COCOStuff(FileDataset):
    """``train2017/ID.jpg`` with ``stuffthingmaps/train2017/ID.png``.

    ``root``: the folder of COCO, or one that contains ``coco``. The images may also be in
    ``images/train2017``, and the masks in ``annotations/train2017`` or
    ``stuffthingmaps_trainval2017/train2017``.
    ``download``: not permitted by the terms of COCO-Stuff; the error says what to fetch.

    The splits are ``train`` and ``val``, in the folders ``train2017`` and ``val2017``. The labels
    of ``test2017`` are not public.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    labels: Mapping[str, LabelMap] = {MAIN: published_labels("coco_stuff")}

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        inner = split_folder(split, _SPLITS, root, unlabeled=_UNLABELED)
        usual, *others = _origins(inner)
        known = next((one for one in (usual, *others) if one.find(root)), usual)
        folder = dataset_root(root, known, download=download)
        images, masks = (folder / marker for marker in known.markers)
        names, image_files, mask_files = matched_files((images, ".jpg"), (masks, ".png"))
        super().__init__(
            names, {"image": InputFiles(image_files)}, {MAIN: LabelFiles(mask_files, _read)}
        )


def _origins(inner: str) -> Iterator[Origin]:
    """Yield each layout in use, first that of the archives."""
    for images in (inner, f"images/{inner}"):
        for labels in ("stuffthingmaps", "stuffthingmaps_trainval2017", "annotations"):
            yield Origin(
                "COCO-Stuff",
                f"{inner}.zip from the site of COCO (cocodataset.org) and "
                "stuffthingmaps_trainval2017.zip from that of COCO-Stuff "
                "(github.com/nightrome/cocostuff)",
                f"{inner} and stuffthingmaps/{inner}",
                (images, f"{labels}/{inner}"),
                ("coco", "coco_stuff164k"),
            )
