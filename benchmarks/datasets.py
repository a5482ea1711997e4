"""Time how long published datasets take to open, compared with one listing of the same folders.

    python benchmarks/datasets.py [--files 25000] [--runs 21] [--folder FOLDER]

Makes empty files in the original layouts, half of them images, in a temporary folder (below
``--folder``, to choose the disk). Lists the folders by ``os.scandir`` and opens the datasets in
turns, so that load affects both equally; prints medians and ratios. Target: at most 4.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pluxel.plugins.datasets.ade20k import ADE20K
from pluxel.plugins.datasets.cityscapes import Cityscapes

TARGET = 4
CITIES = 18
"""Number of cities in the training set of Cityscapes."""


def ade20k(root: Path, pairs: int) -> list[Path]:
    """Make the files of ADE20K, and return their folders."""
    folders = [root / kind / "training" for kind in ("images", "annotations")]
    for folder, suffix in zip(folders, (".jpg", ".png"), strict=True):
        folder.mkdir(parents=True)
        for number in range(pairs):
            (folder / f"ADE_train_{number:08d}{suffix}").touch()
    return folders


def cityscapes(root: Path, pairs: int) -> list[Path]:
    """Make the files of Cityscapes, and return their folders: those of splits, then of cities."""
    kinds = {"leftImg8bit": "leftImg8bit", "gtFine": "gtFine_labelIds"}
    folders = [root / kind / "train" for kind in kinds]
    for kind, end in kinds.items():
        for number in range(pairs):
            city = f"city{number % CITIES:02d}"
            folder = root / kind / "train" / city
            if number < CITIES:
                folder.mkdir(parents=True)
                folders.append(folder)
            (folder / f"{city}_{number:06d}_000019_{end}.png").touch()
    return folders


DATASETS: dict[str, tuple[Callable[[Path, int], list[Path]], type[ADE20K | Cityscapes]]] = {
    "ade20k": (ade20k, ADE20K),
    "cityscapes": (cityscapes, Cityscapes),
}


def listing(folders: list[Path]) -> list[str]:
    """Return the names of all entries of the folders."""
    names: list[str] = []
    for folder in folders:
        with os.scandir(folder) as entries:
            names += [entry.name for entry in entries]
    return names


def seconds(action: Callable[[], object]) -> float:
    """Return the wall-clock time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=25_000, help="images and masks together")
    parser.add_argument("--runs", type=int, default=21, help="runs of each; 11 or more")
    parser.add_argument("--folder", type=Path, help="where to make the files")
    options = parser.parse_args()
    print(f"| {options.files:,} files | listing | open | ratio | target |")
    print("|---|---|---|---|---|")
    for name, (make, dataset) in DATASETS.items():
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            root = Path(temporary)
            folders = make(root, options.files // 2)
            times: list[tuple[float, float]] = []
            for turn in range(max(11, options.runs) + 1):
                pair = (
                    seconds(lambda: listing(folders)),  # noqa: B023 - called at once
                    seconds(lambda: dataset("train", root=root)),  # noqa: B023
                )
                if turn:  # the first run fills the disk cache
                    times.append(pair)
            listed, opened = map(statistics.median, zip(*times, strict=True))
            print(
                f"| `{name}` | {listed * 1000:.1f} ms | {opened * 1000:.1f} ms "
                f"| {opened / listed:.2f} | {TARGET} |"
            )


if __name__ == "__main__":
    main()
