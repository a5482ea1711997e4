"""Small copies of published datasets in their original layouts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pluxel.plugins.datasets.published import published_colors

from .pictures import photograph, rng, save


@dataclass(frozen=True)
class Layout:
    """Where a release has its files. Templates contain ``{split}`` (a folder) and ``{name}``.

    ``folders``: split -> folder. ``names``: of two samples of each split. ``ids``: raw ids that may
    occur in masks, of which some are ignored. ``given``: parameters beside the root. ``listing``:
    the file that lists the names of a split. ``palette``: a dataset whose colors masks have.
    """

    dataset: str
    folder: str
    images: str
    masks: str
    ids: Sequence[int]
    names: Sequence[str] = ("a", "b")
    folders: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "val": "val"})
    given: Mapping[str, Any] = field(default_factory=dict)
    listing: str = ""
    palette: str = ""

    def files(self, root: Path, split: str) -> Iterator[tuple[str, Path, Path]]:
        """Yield the names, images and masks of a split."""
        inner = self.folders[split]
        for name in (f"{name}{split[:2]}" for name in self.names):
            yield name, *(root / one.format(split=inner, **_parts(name)) for one in self._templates)

    @property
    def _templates(self) -> tuple[str, str]:
        return self.images, self.masks

    def write(self, root: Path) -> Path:
        """Write all files into the folder of the release, and return it."""
        folder = root / self.folder
        for split, inner in self.folders.items():
            found = [*self.files(folder, split)]
            for _, image, mask in found:
                save(image, photograph())
                self.save_mask(mask, rng.choice(self.ids, (12, 16)))
            if self.listing:
                lines = "".join(f"{name} 1 1 1\n" for name, _, _ in found)
                (folder / self.listing.format(split=inner)).write_text(lines)
        return folder

    def save_mask(self, path: Path, ids: np.ndarray) -> None:
        """Write a mask with the palette of the release."""
        image = Image.fromarray(ids.astype(np.uint8))
        if self.palette:
            colors = published_colors(self.palette)
            image.putpalette([part for raw in sorted(colors) for part in colors[raw]])
        save(path, image)

    def parameters(self, root: Path) -> dict[str, Any]:
        """Write all files, and return the parameters of the dataset."""
        self.write(root)
        return {"root": root, **self.given}


def _parts(name: str) -> dict[str, str]:
    return {"name": name, "scene": name.rpartition("/")[0], "last": name.rpartition("/")[2]}


_FOLDERS = {"train": "training", "val": "validation"}
_CITYSCAPES = Layout(
    "cityscapes",
    "cityscapes",
    "leftImg8bit/{split}/{name}_leftImg8bit.png",
    "gtFine/{split}/{name}_gtFine_labelIds.png",
    range(34),
    ("aachen/aachen_000000", "ulm/ulm_000001"),
)
_COCO = Layout(
    "coco_stuff",
    "coco",
    "{split}/{name}.jpg",
    "stuffthingmaps/{split}/{name}.png",
    [*range(182), 255],
    folders={"train": "train2017", "val": "val2017"},
)
_VISTAS = Layout(
    "mapillary_vistas",
    "mapillary_vistas",
    "{split}/images/{name}.jpg",
    "{split}/labels/{name}.png",
    range(66),
    folders=_FOLDERS,
    given={"version": "1.2"},
    palette="mapillary_vistas_1.2",
)
LAYOUTS = {
    "cityscapes": _CITYSCAPES,
    "cityscapes, coarse": replace(
        _CITYSCAPES,
        masks="gtCoarse/{split}/{name}_gtCoarse_labelIds.png",
        folders={"train": "train", "val": "val", "train_extra": "train_extra"},
        given={"annotations": "coarse"},
    ),
    "ade20k": Layout(
        "ade20k",
        "ADEChallengeData2016",
        "images/{split}/{name}.jpg",
        "annotations/{split}/{name}.png",
        range(151),
        folders=_FOLDERS,
    ),
    "coco_stuff": _COCO,
    "coco_stuff, as in mmsegmentation": replace(
        _COCO, images="images/{split}/{name}.jpg", masks="annotations/{split}/{name}.png"
    ),
    "oxford_pets": Layout(
        "oxford_pets",
        "oxford-iiit-pet",
        "images/{name}.jpg",
        "annotations/trimaps/{name}.png",
        [1, 2, 3],
        ("Abyssinian_1", "beagle_2"),
        {"train": "trainval", "test": "test"},
        listing="annotations/{split}.txt",
    ),
    "loveda": Layout(
        "loveda",
        "LoveDA",
        "{split}/{scene}/images_png/{last}.png",
        "{split}/{scene}/masks_png/{last}.png",
        range(8),
        ("Rural/1", "Urban/2"),
        {"train": "Train", "val": "Val"},
    ),
    "mapillary_vistas": _VISTAS,
    "mapillary_vistas, 1.2 in 2.0": replace(_VISTAS, masks="{split}/v1.2/labels/{name}.png"),
    "mapillary_vistas, 2.0": replace(
        _VISTAS,
        masks="{split}/v2.0/labels/{name}.png",
        ids=range(124),
        given={"version": "2.0"},
        palette="mapillary_vistas_2.0",
    ),
}
"""A name -> a layout; the first of each dataset has its name."""
