"""Small datasets of the FCN paper in their original formats."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
from pluxel.plugins.datasets.siftflow import SCENES, WITHOUT_ANNOTATION
from scipy.io import savemat
from scipy.sparse import csc_matrix

from .pictures import photograph, rng, save


def save_gtcls(path: Path, ids: np.ndarray) -> Path:
    """Write ids (H, W) as SBD has them: a struct with boundaries and categories beside the ids."""
    boundaries = np.empty((20, 1), object)
    for index in range(20):
        boundaries[index, 0] = csc_matrix(ids == index + 1)
    present = np.unique(ids[ids > 0]).astype(np.uint8)[:, None]
    struct = {"Boundaries": boundaries, "Segmentation": ids, "CategoriesPresent": present}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTcls": struct}, do_compression=True)
    return path


def make_sbd(root: Path) -> Path:
    """benchmark_RELEASE/dataset with three images of train and two of val."""
    folder = root / "benchmark_RELEASE" / "dataset"
    for split, count in (("train", 3), ("val", 2)):
        names = [f"2008_{split}_{i:06d}" for i in range(count)]
        for name in names:
            save(folder / "img" / f"{name}.jpg", photograph())
            ids = np.zeros((12, 16), np.uint8)
            ids[4:8, 4:8] = int(rng.integers(1, 21))
            save_gtcls(folder / "cls" / f"{name}.mat", ids)
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root


def save_ids(path: Path, key: str, ids: np.ndarray) -> Path:
    """Write ids (H, W) as a variable of a MATLAB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {key: ids}, do_compression=True)
    return path


def make_siftflow(root: Path, tests: int = 200) -> Path:
    """Three images to train on, the two without annotation, and the first of the test images."""
    names = [f"coast_train{i}" for i in range(3)]
    listed = (files("pluxel.plugins.datasets") / "siftflow_test.txt").read_text().split()
    folders = {kind: root / kind / SCENES for kind in ("Images", "SemanticLabels", "GeoLabels")}
    for name in [*names, *listed[: min(3, tests)]]:
        save(folders["Images"] / f"{name}.jpg", photograph())
        semantic = rng.integers(0, 34, (12, 16)).astype(np.uint8)
        save_ids(folders["SemanticLabels"] / f"{name}.mat", "S", semantic)
        geometric = rng.integers(-1, 4, (12, 16)).astype(float)
        save_ids(folders["GeoLabels"] / f"{name}.mat", "S", geometric)
    for index, name in enumerate(listed[3:tests]):  # the others share these contents
        for folder, suffix in zip(folders.values(), ("jpg", "mat", "mat"), strict=True):
            os.link(folder / f"{listed[index % 3]}.{suffix}", folder / f"{name}.{suffix}")
    for name in WITHOUT_ANNOTATION:
        save(root / "Images" / SCENES / f"{name}.jpg", photograph())
    return root


def make_pascal_context(root: Path) -> Path:
    """VOCdevkit/VOC2010 with three images of train and two of val; another one has no labels."""
    folder = root / "VOCdevkit" / "VOC2010"
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for split, count in (("train", 3), ("val", 2)):
        names = [f"2008_{split}_{i:06d}" for i in range(count)]
        for name in names:
            save(folder / "JPEGImages" / f"{name}.jpg", photograph())
            ids = rng.integers(1, 460, (12, 16)).astype(np.uint16)
            save_ids(folder / "context" / "trainval" / f"{name}.mat", "LabelMap", ids)
        (lists / f"{split}.txt").write_text("\n".join([*names, f"2010_{split}_other"]) + "\n")
    return root


def make_nyudv2(root: Path) -> Path:
    """The files of Gupta et al. under all 1,449 names, which share three contents a split."""
    facts = json.loads((files("pluxel.plugins.datasets") / "nyudv2.json").read_text())
    kinds = {"images": "data/images", "depth": "data/depth", "hha": "data/hha"}
    for split in ("train", "val", "test"):
        names = [f"img_{5000 + number}" for number in facts[split]]
        for name in names[:3]:
            for kind in ("images", "hha"):
                save(root / kinds[kind] / f"{name}.png", photograph())
            depth = rng.integers(500, 9000, (12, 16)).astype(np.uint16)
            save(root / kinds["depth"] / f"{name}.png", depth)
            ids = rng.integers(0, 41, (12, 16)).astype(np.uint8)
            save_ids(root / "segmentation" / f"{name}.mat", "segmentation", ids)
        for index, name in enumerate(names[3:]):
            for folder in kinds.values():
                os.link(f"{root}/{folder}/{names[index % 3]}.png", f"{root}/{folder}/{name}.png")
            source = f"{root}/segmentation/{names[index % 3]}.mat"
            os.link(source, f"{root}/segmentation/{name}.mat")
    return root
