"""PASCAL-Context: labels for the whole scene in images of PASCAL VOC 2010.

Mottaghi et al., "The role of context for object detection and semantic segmentation in the wild"
(2014). 4,998 / 5,105 images for train / val. The classes are the 59 most frequent of 459, in the
order of the FCN release; their colors are those of mmsegmentation, except for snow, which has that
of bicycle there. The FCN paper also reports 33 classes, whose list is not published; they are not
supported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ...core import LabelMap
from ...core.authoring import (
    IGNORE,
    MAIN,
    BrokenData,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    log_once,
    missing_files,
    read_mat_labels,
)
from .published import facts
from .voc import origin, split_names

_BACKGROUND = "background"
_LABELS = Origin(
    "PASCAL-Context",
    "trainval.tar.gz, the labels of all 459 classes, from the page of PASCAL-Context (Mottaghi et "
    "al., Stanford)",
    "context/trainval/ID.mat",
    ("trainval",),
    ("context", "VOC2010/context", "VOCdevkit/VOC2010/context", "pascal-context"),
)


class PascalContext(FileDataset):
    """``JPEGImages/ID.jpg`` of VOC 2010 with the key ``LabelMap`` of ``context/trainval/ID.mat``.

    ``root``: the folder ``VOC2010``, or one that contains ``VOC2010`` or ``VOCdevkit``.
    ``classes``: 59 ignores the background, all pixels of other classes. 60 makes it a class, as the
    FCN release does when it trains. Scores of the two differ by about five points of mean IoU.
    ``context``: the folder that contains ``trainval``, by default ``context`` in the root.
    ``download``: fetch the images of VOC 2010 into ``root`` if they are missing (1.3 GB). The
    terms of PASCAL-Context do not permit that for its labels; the error says what to fetch.

    A split is a list in ``ImageSets/Main``: ``train``, ``val`` or ``trainval``. Its images without
    labels are left out, and the log says how many.

    Raises: MissingData for a missing folder or file, SplitError for an unknown list.
    """

    def __init__(
        self,
        split: str,
        *,
        root: Path,
        classes: Literal[59, 60],
        context: Path | None = None,
        download: bool = False,
    ) -> None:
        if download:  # find the labels before images are downloaded for nothing
            dataset_root(context or root, _LABELS, download=True)
        voc = origin("2010", others=["ImageSets/Main"])
        folder = dataset_root(root, voc, download=download)
        masks = dataset_root(context or root, _LABELS) / "trainval"
        listed, source = split_names(folder / "ImageSets" / "Main", split, voc)
        absent = {*missing_files(masks, ".mat", listed)}
        names = [name for name in listed if name not in absent]
        if not names:
            text = f"{source}: none of {len(listed)} images has labels in {masks}"
            raise BrokenData(text, _LABELS.again)
        if absent:
            what = f"{source}: {len(absent)} of {len(listed)} images have no labels in {masks}"
            log_once(logging.INFO, f"{what}; left out")
        super().__init__(
            names,
            {"image": InputFiles(FolderFiles(folder / "JPEGImages", ".jpg", names, source))},
            {
                MAIN: LabelFiles(
                    FolderFiles(masks, ".mat", names, source),
                    partial(read_mat_labels, key="LabelMap"),
                )
            },
        )
        self.labels: Mapping[str, LabelMap] = {MAIN: label_map(classes)}

    @classmethod
    def labels_for(cls, parameters: Mapping[str, Any]) -> Mapping[str, LabelMap]:
        """Return the label map of 59 or 60 classes."""
        return {MAIN: label_map(parameters["classes"])}


def label_map(classes: Literal[59, 60]) -> LabelMap:
    """Return the raw ids of 59 classes; 0 and all others are the background, or ignored."""
    given = facts("pascal_context")
    ids = {raw: name for name, raw in given["ids"].items()}
    other = _BACKGROUND if classes == 60 else IGNORE
    rest = {raw: other for raw in range(len(given["names"]) + 1) if raw not in ids}
    palette = {name: (red, green, blue) for name, (red, green, blue) in given["palette"].items()}
    return LabelMap({0: other} | ids | rest, palette)
