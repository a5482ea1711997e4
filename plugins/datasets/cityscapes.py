"""Cityscapes: street scenes of 50 cities, 1024 × 2048, 19 classes.

Cordts et al., "The Cityscapes dataset for semantic urban scene understanding" (2016). 2,975 / 500
images for train / val with fine annotations, and 1,525 for test without public ones; 19,998 more
for train_extra with coarse annotations. The 19 classes are those of the benchmark; all other ids
are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

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

_FINE = {"train": "train", "val": "val"}
_IMAGES = "leftImg8bit"


class Cityscapes(FileDataset):
    """``leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`` with ``gtFine/…/*_gtFine_labelIds.png``.

    ``root``: the folder that contains ``leftImg8bit`` and ``gtFine``, or one around it.
    ``annotations``: ``fine``, or ``coarse`` for ``gtCoarse/…/*_gtCoarse_labelIds.png``.
    ``download``: not permitted by the terms of Cityscapes; the error says what to fetch.

    The splits are ``train`` and ``val``, and ``train_extra`` of the coarse annotations. The labels
    of ``test`` are not public: predict its images, and submit the results.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    labels: Mapping[str, LabelMap] = {MAIN: published_labels("cityscapes")}

    def __init__(
        self,
        split: str,
        *,
        root: Path,
        annotations: Literal["fine", "coarse"] = "fine",
        download: bool = False,
    ) -> None:
        labels = f"gt{annotations.capitalize()}"
        splits = _FINE if annotations == "fine" else {**_FINE, "train_extra": "train_extra"}
        inner = split_folder(split, splits, root, unlabeled={"test": f"{_IMAGES}/test"})
        origin = _origin(labels)
        folder = dataset_root(root, origin, download=download)
        images = origin.part(folder / _IMAGES / inner, f"the images of split '{split}'")
        masks = origin.part(folder / labels / inner, f"the masks of split '{split}'")
        suffix = f"_{labels}_labelIds.png"
        names, image_files, mask_files = matched_files(
            (images, f"_{_IMAGES}.png"), (masks, suffix), subfolders=True
        )
        # Beside the ids there are color-coded masks, *_color.png.
        read = partial(read_original_mask, advice=f": use the original file *{suffix}")
        super().__init__(
            names, {"image": InputFiles(image_files)}, {MAIN: LabelFiles(mask_files, read)}
        )


def _origin(labels: str) -> Origin:
    archives = {"gtFine": "gtFine_trainvaltest.zip", "gtCoarse": "gtCoarse.zip"}
    return Origin(
        "Cityscapes",
        f"leftImg8bit_trainvaltest.zip and {archives[labels]} from the site of Cityscapes "
        "(cityscapes-dataset.com), after registration",
        f"{_IMAGES} and {labels}, with folders train and val of cities",
        (_IMAGES, labels),
        ("cityscapes", "Cityscapes"),
    )
