"""Mapillary Vistas: street scenes from all over the world, 66 or 124 classes.

Neuhold et al., "The Mapillary Vistas dataset for semantic understanding of street scenes" (2017).
18,000 / 2,000 images for train / val; 5,000 for test without public labels. The last class is
``Unlabeled``, which the benchmark does not score. In version 2.0, several classes share a published
color; the first keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    BrokenData,
    FileDataset,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    matched_files,
    read_palette_mask,
    split_folder,
    unquoted,
)
from .published import published_colors, published_labels

_SPLITS = {"train": "training", "val": "validation"}
_UNLABELED = {"test": "testing/images", "testing": "testing/images"}


VistasVersion = Annotated[Literal["1.2", "2.0"], unquoted("1.2", "2.0")]


class MapillaryVistas(FileDataset):
    """``training/images/ID.jpg`` with ``training/v2.0/labels/ID.png`` (palette indices).

    ``root``: the folder that contains ``training`` and ``validation``, or one around it.
    ``version``: of the annotations: ``"1.2"`` has 66 classes, ``"2.0"`` has 124. Version 1.2 is in
    ``training/v1.2/labels``, or in ``training/labels`` of the releases before 2.0.
    ``download``: not permitted by the terms of Mapillary Vistas; the error says what to fetch.

    The splits are ``train`` and ``val``, in the folders ``training`` and ``validation``. The labels
    of ``test`` are not public.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    def __init__(
        self, split: str, *, root: Path, version: VistasVersion, download: bool = False
    ) -> None:
        inner = split_folder(split, _SPLITS, root, unlabeled=_UNLABELED)
        origin = _origin(inner, version)
        folder = dataset_root(root, origin, download=download) / inner
        masks = _masks(folder, version, origin)
        names, image_files, mask_files = matched_files((folder / "images", ".jpg"), (masks, ".png"))
        read = partial(read_palette_mask, palette=published_colors(_facts(version)))
        super().__init__(
            names, {"image": InputFiles(image_files)}, {MAIN: LabelFiles(mask_files, read)}
        )
        self.labels: Mapping[str, LabelMap] = {MAIN: published_labels(_facts(version))}

    @classmethod
    def labels_for(cls, parameters: Mapping[str, Any]) -> Mapping[str, LabelMap]:
        """Return the label map of 66 or 124 classes."""
        return {MAIN: published_labels(_facts(parameters["version"]))}


def _facts(version: str) -> str:
    return f"mapillary_vistas_{version}"


def _masks(folder: Path, version: str, origin: Origin) -> Path:
    """Return the folder of the masks of a version. Raises: BrokenData if there is none."""
    masks, earlier = folder / f"v{version}" / "labels", folder / "labels"
    if masks.is_dir() or not earlier.is_dir():
        return origin.part(masks, f"the masks of version {version}")
    if version == "1.2":
        return earlier
    raise BrokenData(
        f"{earlier} belongs to version 1.2 of Mapillary Vistas; masks of version 2.0 are in "
        f'{masks}. Set version: "1.2", or fetch mapillary-vistas-dataset_public_v2.0.zip'
    )


def _origin(inner: str, version: str) -> Origin:
    layout = {"1.2": "labels or v1.2/labels", "2.0": "v2.0/labels"}
    return Origin(
        "Mapillary Vistas",
        "mapillary-vistas-dataset_public_v2.0.zip, which has the annotations of versions 1.2 and "
        "2.0, from the site of Mapillary (mapillary.com/dataset/vistas), after registration",
        f"{inner}/images and {inner}/{layout[version]}",
        (f"{inner}/images",),
        ("mapillary", "mapillary_vistas", "mapillary-vistas-dataset_public_v2.0"),
    )
