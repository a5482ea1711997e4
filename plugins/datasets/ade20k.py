"""ADE20K as released for scene parsing (ADEChallengeData2016): 150 classes.

Zhou et al., "Scene parsing through ADE20K dataset" (2017). 20,210 / 2,000 images for train / val;
3,352 for test without public labels. Id 0, all other objects, is ignored. Colors are those of the
authors' code; road and skyscraper share one there, so skyscraper has another one here.
"""

from __future__ import annotations

from collections.abc import Mapping
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

_ARCHIVE = "ADEChallengeData2016"
_SPLITS = {"train": "training", "val": "validation"}
_UNLABELED = dict.fromkeys(["test", "testing"], "release_test/testing")
_read = partial(
    read_original_mask, advice=f": use the original file of {_ARCHIVE}, not that of the full ADE20K"
)


class ADE20K(FileDataset):
    """``images/training/ID.jpg`` with ``annotations/training/ID.png``.

    ``root``: the folder ``ADEChallengeData2016``, or one that contains it.
    ``download``: not permitted by the terms of ADE20K; the error says what to fetch.

    The splits are ``train`` and ``val``, in the folders ``training`` and ``validation``. The labels
    of ``test`` are not public.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    labels: Mapping[str, LabelMap] = {MAIN: published_labels("ade20k")}

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        inner = split_folder(split, _SPLITS, root, unlabeled=_UNLABELED)
        folder = dataset_root(root, _origin(inner), download=download)
        images, masks = folder / "images" / inner, folder / "annotations" / inner
        names, image_files, mask_files = matched_files((images, ".jpg"), (masks, ".png"))
        super().__init__(
            names, {"image": InputFiles(image_files)}, {MAIN: LabelFiles(mask_files, _read)}
        )


def _origin(inner: str) -> Origin:
    return Origin(
        "ADE20K",
        f"{_ARCHIVE}.zip, the scene parsing benchmark, from the site of MIT CSAIL "
        "(sceneparsing.csail.mit.edu)",
        f"images/{inner} and annotations/{inner}",
        (f"images/{inner}", f"annotations/{inner}"),
        (_ARCHIVE, f"ade/{_ARCHIVE}"),
    )
