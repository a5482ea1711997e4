"""Small real files in the original formats."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.core.config.sections.factory import Factory
from pluxel.core.contracts.kinds import Dataset
from pluxel.registry import Host
from pydantic import TypeAdapter

from .paper import make_nyudv2, make_pascal_context, make_sbd, make_siftflow
from .pictures import photograph, rng, save, with_palette
from .published import LAYOUTS


def voc_ids(height: int = 12, width: int = 16) -> np.ndarray:
    """Background, a class, and the void border around it."""
    ids = np.zeros((height, width), np.uint8)
    ids[3:9, 3:9] = 255
    ids[4:8, 4:8] = int(rng.integers(1, 21))
    return ids


def write_voc(
    root: Path,
    year: str,
    split: str,
    samples: Mapping[str, tuple[np.ndarray, np.ndarray]],
    **options: str,
) -> Path:
    """Add a split of VOCdevkit/VOC2012: name -> photograph (H, W, 3) and ids (H, W).

    ``options``: of saving photographs.
    """
    folder = root / "VOCdevkit" / f"VOC{year}"
    for name, (pixels, ids) in samples.items():
        save(folder / "JPEGImages" / f"{name}.jpg", pixels, **options)
        save(folder / "SegmentationClass" / f"{name}.png", with_palette(ids))
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{split}.txt").write_text("\n".join(samples))  # some lists end without a newline
    return folder


def make_voc(
    root: Path,
    year: str = "2012",
    splits: Sequence[str] = ("train", "val"),
    size: tuple[int, int] = (12, 16),
) -> Path:
    """VOCdevkit/VOC2012 with three images of the first split and two of each other one."""
    for split in splits:
        names = [f"{year}_{split}_{i:06d}" for i in range(3 if split == splits[0] else 2)]
        samples = {name: (photograph(*size), voc_ids(*size)) for name in names}
        folder = write_voc(root, year, split, samples)
    # The kit contains many photographs without masks.
    save(folder / "JPEGImages" / "2012_other.jpg", photograph())
    return root


def make_camvid(root: Path, lists: bool = False, size: tuple[int, int] = (12, 16)) -> Path:
    """train/ + trainannot/ and so on; with lists as in SegNet, with foreign paths."""
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        names = [f"0016E5_{30 * i:05d}.png" for i in range(count)]
        for name in names:
            save(root / split / name, photograph(*size))
            save(root / f"{split}annot" / name, rng.integers(0, 12, size).astype(np.uint8))
        if lists:
            rows = [
                f"/SegNet/CamVid/{split}/{name} /SegNet/CamVid/{split}annot/{name}"
                for name in reversed(names)
            ]
            (root / f"{split}.txt").write_text("\n".join(rows) + "\n")
    return root


def make_folder(root: Path, count: int = 12) -> Path:
    """photos/*.jpg + masks/*.png, index masks of three classes."""
    for i in range(count):
        save(root / "photos" / f"street {i:02d}.jpg", photograph())
        save(root / "masks" / f"street {i:02d}.png", rng.integers(0, 3, (12, 16)).astype(np.uint8))
    return root


def folder_parameters(root: Path) -> dict:
    make_folder(root)
    classes = {0: "ground", 1: "car", 2: "ignore"}
    fractions = {"train": 0.6, "val": 0.4}
    return {"images": root / "photos", "masks": root / "masks", "classes": classes} | {
        "fractions": fractions
    }


def concat_parameters(root: Path) -> dict:
    """Two datasets with different ids and splits of different sizes."""
    street = {"images": "b/photos", "masks": "b/masks", "root": root}
    street |= {"classes": {3: "Car", 0: "tree", 1: "ignore", 2: "sofa"}}
    street |= {"fractions": {"train": 0.6, "val": 0.4}}
    make_folder(root / "b")
    datasets = {"cam": ("camvid", {"root": make_camvid(root / "a")}), "own": ("folder", street)}
    return {
        "datasets": {name: factory(kind, **given) for name, (kind, given) in datasets.items()},
        "classes_of": "cam",
        "maps": {"own": {2: "ignore"}},
    }


def masked_parameters(root: Path) -> dict:
    dataset = factory("camvid", root=make_camvid(root))
    return {"dataset": dataset, "keep": "background", "background": ("sky", "road")}


def voc_sbd_parameters(root: Path) -> dict:
    return {"voc": make_voc(root / "voc"), "sbd": make_sbd(root / "sbd"), "validation": "val"}


def factory(name: str, **params: Any) -> Factory[Dataset]:
    """Build a dataset from a name and parameters, like a configuration."""
    host = Host()
    value = {"type": name} | json.loads(json.dumps(params, default=str))
    return TypeAdapter(Factory[Dataset]).validate_python(value, context={"host": host})


PUBLISHED = ("cityscapes", "ade20k", "coco_stuff", "oxford_pets", "loveda", "mapillary_vistas")

PARAMETERS: dict[str, Callable[[Path], dict]] = {
    "camvid": lambda root: {"root": make_camvid(root)},
    "voc": lambda root: {"root": make_voc(root)},
    "sbd": lambda root: {"root": make_sbd(root)},
    "voc_sbd": voc_sbd_parameters,
    "siftflow": lambda root: {"root": make_siftflow(root)},
    "pascal_context": lambda root: {"root": make_pascal_context(root), "classes": 60},
    "nyudv2": lambda root: {
        "root": make_nyudv2(root),
        "classes": 40,
        "inputs": ["image", "depth", "hha"],
    },
    **{name: LAYOUTS[name].parameters for name in PUBLISHED},
    "folder": folder_parameters,
    "shapes": lambda root: {"size": 48, "length": 6},
    "concat": concat_parameters,
    "masked": masked_parameters,
}
"""How to get a few samples of each built-in dataset."""

SECOND = {"siftflow": "test", "oxford_pets": "test"}
"""The split of a dataset beside ``train``, if it is not ``val``."""


@pytest.fixture(scope="session")
def host() -> Host:
    return Host()
