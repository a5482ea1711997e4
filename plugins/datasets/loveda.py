"""LoveDA: urban and rural land cover from above, 1024 × 1024 at 0.3 m, 7 classes.

Wang et al., "LoveDA: a remote sensing land-cover dataset for domain adaptive semantic segmentation"
(2021). 2,522 / 1,669 images for train / val, of which 1,156 / 677 are urban; 1,796 for test without
public labels. Id 0, no data, is ignored. The license permits non-commercial use
(CC BY-NC-SA 4.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    Archive,
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

_SPLITS = {"train": "Train", "val": "Val"}
_UNLABELED = {"test": "Test", "Test": "Test"}
_RECORD = "https://zenodo.org/records/5706578/files"
_FILES = {
    "Train": (4_021_669_263, "de2b196043ed9b4af1690b3f9a7d558f"),
    "Val": (2_425_958_254, "84cae2577468ff0b5386758bb386d31d"),
}
"""Size in bytes and MD5 of the archives, as in torchgeo."""

_read = partial(read_original_mask, advice=": use the original file of masks_png")


class LoveDA(FileDataset):
    """``Train/Urban/images_png/ID.png`` with ``Train/Urban/masks_png/ID.png``; also ``Rural``.

    ``root``: the folder that contains ``Train`` and ``Val``, or one around it.
    ``scene``: ``urban``, ``rural``, or ``both``.
    ``download``: fetch the archive of the split into ``root`` if it is missing (4.0 GB for train,
    2.4 GB for val).

    The splits are ``train`` and ``val``. The labels of ``test`` are not public.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    labels: Mapping[str, LabelMap] = {MAIN: published_labels("loveda")}

    def __init__(
        self,
        split: str,
        *,
        root: Path,
        scene: Literal["urban", "rural", "both"] = "both",
        download: bool = False,
    ) -> None:
        inner = split_folder(split, _SPLITS, root, unlabeled=_UNLABELED)
        folder = dataset_root(root, origin(inner), download=download) / inner
        images: dict[str, Path] = {}
        masks: dict[str, Path] = {}
        for one in ("Rural", "Urban") if scene == "both" else (scene.capitalize(),):
            places = [
                origin(inner).part(folder / one / name, f"{what} of scene {one.lower()}")
                for name, what in (("images_png", "the images"), ("masks_png", "the masks"))
            ]
            _, *found = matched_files((places[0], ".png"), (places[1], ".png"))
            for target, files in zip((images, masks), found, strict=True):
                target.update({f"{one}/{name}": path for name, path in files.items()})
        super().__init__(images, {"image": InputFiles(images)}, {MAIN: LabelFiles(masks, _read)})


def origin(inner: str) -> Origin:
    """Return where a split comes from; ``inner``: its folder."""
    size, md5 = _FILES[inner]
    return Origin(
        "LoveDA",
        f"{inner}.zip of record 5706578 on Zenodo (Wang et al., LoveDA)",
        f"{inner}/Urban and {inner}/Rural, each with images_png and masks_png",
        (inner,),
        ("LoveDA", "loveda", "loveDA"),
        archives=lambda: [
            Archive(f"{_RECORD}/{inner}.zip?download=1", f"md5:{md5}", {inner: inner}, size)
        ],
    )
