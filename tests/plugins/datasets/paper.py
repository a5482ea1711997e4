"""Small datasets of the FCN paper in their original formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
