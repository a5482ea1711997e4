"""A dataset that keeps every guarantee, and for each guarantee a dataset that violates it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pluxel.core import LabelMap, Sample
from pluxel.registry import Component, hookimpl

CHANGING = {"copies", "same_seed", "forked_workers", "spawned_workers"}


@hookimpl
def pluxel_datasets() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_datasets:{one.__name__}", "x") for one in classes
    ]


def written(folder: Path) -> dict[str, Any]:
    """Write three samples; return the parameters of the dataset."""
    random = np.random.default_rng(0)
    for number in range(3):
        np.save(folder / f"image{number}.npy", random.integers(0, 256, (6, 8, 3), np.uint8))
        np.save(folder / f"mask{number}.npy", random.integers(0, 2, (6, 8), np.uint8))
    return {"root": folder}


class Good:
    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()
    labels: ClassVar = {"semantic": LabelMap({0: "road", 1: "sky"})}
    channels: ClassVar = {"image": 3}

    def __init__(self, split: str, *, root: Path) -> None:
        self.root = root

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        paths = {
            "image": self.root / f"image{index}.npy",
            "semantic": self.root / f"mask{index}.npy",
        }
        return Sample(
            self.name(index),
            {"image": self.read(paths["image"])},
            {"semantic": self.mask(self.read(paths["semantic"]))},
            paths,
        )

    def name(self, index: int) -> str:
        return f"sample{index}"

    def read(self, path: Path) -> np.ndarray:
        return np.load(path)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        return mask


class StartsAgain(Good):
    caught_by = "length"

    def __getitem__(self, index: int) -> Sample:
        return super().__getitem__(index % 3)


class CropsTheMask(Good):
    caught_by = "samples"

    def mask(self, mask: np.ndarray) -> np.ndarray:
        return mask[1:]


class HasAStrayLabel(Good):
    caught_by = "labels"

    def mask(self, mask: np.ndarray) -> np.ndarray:
        return mask * 9


class NamesAllAlike(Good):
    caught_by = "names_and_palette"

    def name(self, index: int) -> str:
        return "sample"


class NumbersItsGroups(Good):
    caught_by = "groups"

    def group_of(self, index: int) -> int:
        return index


class ColorsAStranger(Good):
    caught_by = "names_and_palette"
    labels: ClassVar = {"semantic": LabelMap({0: "road", 1: "sky"}, {"tree": (0, 255, 0)})}


class Counts(Good):
    caught_by = "repeatable"
    also: ClassVar = CHANGING
    reads: ClassVar[int] = 0

    def mask(self, mask: np.ndarray) -> np.ndarray:
        Counts.reads += 1
        return np.roll(mask, Counts.reads)


class KnowsItsProcess(Good):
    caught_by = "forked_workers"
    also: ClassVar = {"spawned_workers"}

    def __init__(self, split: str, *, root: Path) -> None:
        super().__init__(split, root=root)
        self.process = os.getpid()

    def mask(self, mask: np.ndarray) -> np.ndarray:
        return mask if os.getpid() == self.process else 1 - mask


class HoldsAFunction(Good):
    caught_by = "spawned_workers"
    also: ClassVar = {"copies"}

    def __init__(self, split: str, *, root: Path) -> None:
        super().__init__(split, root=root)
        self.flip = lambda mask: 1 - mask


class HidesAMissingFile(Good):
    caught_by = "missing_file"

    def read(self, path: Path) -> np.ndarray:
        if path.exists():
            return super().read(path)
        return np.zeros((6, 8, 3) if "image" in path.name else (6, 8), np.uint8)


class SaysLittle(Good):
    caught_by = "missing_file"

    def read(self, path: Path) -> np.ndarray:
        if not path.exists():
            raise ValueError("cannot read the sample")
        return super().read(path)
