"""SBD, more masks for the images of PASCAL VOC 2011: 20 classes and background.

Hariharan et al., "Semantic contours from inverse detectors" (2011); 8,498 / 2,857 images for train
/ val. There is no void label: the borders of objects, which are void in VOC, have the id of the
object or 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    Archive,
    DerivedFile,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    names_in,
    read_mat_labels,
    read_names,
    read_palette_mask,
    unknown_split,
    write_palette_mask,
)
from ...registry import PluxelError
from .voc import CLASSES, COLORS

LABELS = LabelMap(dict(enumerate(CLASSES)), {name: COLORS[i] for i, name in enumerate(CLASSES)})
PNG = "cls_png"
"""The folder of the masks that ``pluxel data prepare`` writes."""


class SBD(FileDataset):
    """``img/ID.jpg`` with ``cls/ID.mat`` (struct ``GTcls``, field ``Segmentation``).

    ``root``: the folder ``dataset`` of the benchmark, or ``benchmark_RELEASE``, which contains it.
    ``download``: fetch the archive into ``root`` if the dataset is missing (1.4 GB).

    A split is a list beside these folders: ``train`` or ``val``. ``pluxel data prepare sbd`` writes
    ``cls_png/ID.png``, which are read instead of the ``.mat`` files.

    Raises: MissingData for a missing folder or file, SplitError for an unknown list.
    """

    labels: Mapping[str, LabelMap] = {MAIN: LABELS}
    derived_splits: Sequence[str] = ("train", "val")

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        folder = dataset_root(root, ORIGIN, download=download)
        known = names_in(folder, ".txt")
        if split not in known:
            raise unknown_split(split, known, folder, advice=ORIGIN.again)
        listing = folder / f"{split}.txt"
        names = read_names(listing)
        original = FolderFiles(folder / "cls", ".mat", names, listing)
        prepared = folder / PNG
        present = FolderFiles(prepared, ".png", names_in(prepared, ".png"), None)
        masks = {name: (present if name in present else original)[name] for name in names}
        images = FolderFiles(folder / "img", ".jpg", names, listing)
        super().__init__(names, {"image": InputFiles(images)}, {MAIN: LabelFiles(masks, read_mask)})
        self._original, self._prepared = original, prepared

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return the mask as PNG."""
        name = self.names[index]
        write = partial(_write_png, self._original[name])
        return [DerivedFile(self._prepared / f"{name}.png", write)]


def read_mask(path: Path) -> np.ndarray:
    """Return the raw ids (H, W) of an original file, or of a palette PNG."""
    if path.suffix == ".mat":
        return read_mat_labels(path, "GTcls", "Segmentation")
    return read_palette_mask(path, COLORS)


def _write_png(source: Path, target: Path) -> None:
    ids = read_mask(source)
    if ids.size and not 0 <= ids.min() <= ids.max() < len(CLASSES):
        raise PluxelError(
            f"{source}: has ids from {ids.min()} to {ids.max()}; those of SBD are 0 to "
            f"{len(CLASSES) - 1}",
            ORIGIN.again,
        )
    write_palette_mask(target, ids, COLORS)


def _archives() -> list[Archive]:
    # torchvision knows the address and the hash; importing it takes a second.
    from torchvision.datasets import SBDataset  # noqa: PLC0415

    place = "benchmark_RELEASE/dataset"
    return [Archive(SBDataset.url, f"md5:{SBDataset.md5}", {place: place})]


ORIGIN = Origin(
    "SBD",
    "benchmark.tgz, the Semantic Boundaries Dataset and Benchmark, from the site of the Berkeley "
    "computer vision group (eecs.berkeley.edu, semantic contours)",
    "benchmark_RELEASE/dataset, with img, cls, train.txt and val.txt",
    ("img", "cls"),
    ("dataset", "benchmark_RELEASE/dataset", "benchmark/dataset"),
    archives=_archives,
)
