"""Images per second of decoding, augmentation and batching, compared with two peers.

    python benchmarks/loading.py [--images FOLDER] [--rounds 7] [--batches 40]
    python benchmarks/loading.py --profile

The files are JPEG of 500 × 375 and palette PNG, in the layout of VOC. Two workers scale each sample
by 0.5–2, crop 512 × 512, mirror, change colors, and stack eight. The peers are the transforms v2 of
torchvision with ``ColorJitter``, and the steps of mmsegmentation for VOC with its
``PhotoMetricDistortion``; each is compared with the equal list of transforms in Pluxel. Rounds
alternate, and their medians are compared. "Again" is a peer compared with a second series of its
own. ``--profile`` prints where the time of a sample of Pluxel goes, in one process.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
from _loading_peers import (
    BRIGHTNESS,
    CONTRAST,
    CROP,
    HUE,
    MEAN,
    SATURATION,
    Mmsegmentation,
    Torchvision,
    VocFiles,
    by_pillow,
    by_torchvision,
)
from _voc_folder import HEIGHT, WIDTH, write_voc
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.loading import training_loader
from pluxel.core.data.samples import TrainingData
from pluxel.plugins.datasets.voc import VOC
from torch.utils.data import DataLoader, Dataset

BATCH, WORKERS = 8, 2
WARM_UP = 8
"""Batches of each round that do not count: workers start, and prepare two each in advance."""

GEOMETRY: list[Any] = [
    {"RandomScale": {"scale_limit": [-0.5, 1.0], "p": 1}},
    {"RandomCrop": {"height": CROP, "width": CROP, "pad_if_needed": True}},
    {"HorizontalFlip": {"p": 0.5}},
]
COLORS = {
    "brightness": list(BRIGHTNESS),
    "contrast": list(CONTRAST),
    "saturation": list(SATURATION),
    "hue": [-HUE / 180, HUE / 180],
}
UNCHANGED = {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}
ALL_COLORS = [{"ColorJitter": {**COLORS, "p": 1}}]
EACH_COLOR = [{"ColorJitter": {**UNCHANGED, name: COLORS[name], "p": 0.5}} for name in COLORS]

Batches = Callable[[int], Iterable[torch.Tensor]]
"""Returns the images of a number of batches, each (8, 3, 512, 512)."""


def pluxel_data(root: Path, colors: Sequence[Any]) -> TrainingData:
    dataset = VOC("train", root=root)
    spaces = {name: LabelSpace(labels) for name, labels in dataset.labels.items()}
    mean = [255 * value for value in MEAN]
    return TrainingData(dataset, spaces, [*GEOMETRY, *colors], fill=mean)


def pluxel_batches(data: TrainingData, steps: int) -> Iterable[torch.Tensor]:
    loader = training_loader(data, 0, steps, BATCH, workers=WORKERS)
    return (batch.inputs["image"] for batch in loader)


def peer_batches(data: Dataset[Any], steps: int) -> Iterable[torch.Tensor]:
    numbers = [[*range(step * BATCH, (step + 1) * BATCH)] for step in range(steps)]
    loader = DataLoader(data, batch_sampler=numbers, num_workers=WORKERS)
    return (images for images, _ in loader)


def faster(first: Torchvision, second: Torchvision, samples: int = 40) -> Torchvision:
    """Return the dataset that reads a number of samples in less time, in this process."""
    times: list[float] = []
    for data in (first, second):
        data[0]
        began = time.perf_counter()
        for n in range(samples):
            data[n]
        times.append(time.perf_counter() - began)
    return first if times[0] <= times[1] else second


def torchvision_data(root: Path, *, on_device: bool) -> Torchvision:
    """Return the peer with the decoder and the resampling that are the fastest."""
    size = (HEIGHT, WIDTH)
    make = partial(Torchvision, VocFiles.of(root), on_device=on_device, size=size)
    smooth = faster(make(by_torchvision, antialias=True), make(by_pillow, antialias=True))
    return faster(smooth, make(smooth.decode, antialias=False))


def all_series(root: Path) -> dict[str, Batches]:
    """Return what is measured in each round, in order."""
    mmseg = partial(Mmsegmentation, VocFiles.of(root))
    users = torchvision_data(root, on_device=False)
    shipped = mmseg(base=(2048, 512))
    return {
        "pluxel, all colors": partial(pluxel_batches, pluxel_data(root, ALL_COLORS)),
        "torchvision": partial(peer_batches, users),
        "torchvision, again": partial(peer_batches, users),
        "torchvision, uint8": partial(peer_batches, torchvision_data(root, on_device=True)),
        "pluxel, each color": partial(pluxel_batches, pluxel_data(root, EACH_COLOR)),
        "mmseg": partial(peer_batches, shipped),
        "mmseg, again": partial(peer_batches, shipped),
        "mmseg, same scales": partial(peer_batches, mmseg(base=(WIDTH, HEIGHT))),
        "mmseg, same work": partial(
            peer_batches, mmseg(base=(WIDTH, HEIGHT), most=1, on_device=True)
        ),
    }


PAIRS = [
    ("pluxel, all colors", "torchvision", "float32, int64; target 1"),
    ("pluxel, all colors", "torchvision, uint8", "uint8, uint8; target 1"),
    ("torchvision, again", "torchvision", "noise"),
    ("pluxel, each color", "mmseg", "scales of 2048 × 512, uint8, int64; target 1"),
    ("pluxel, each color", "mmseg, same scales", "uint8, int64"),
    ("pluxel, each color", "mmseg, same work", "uint8, uint8, first crop; target 1"),
    ("mmseg, again", "mmseg", "noise"),
]


def rate(batches: Iterable[torch.Tensor]) -> float:
    """Return the images per second after the warm-up."""
    began, count = 0.0, 0
    for number, images in enumerate(batches):
        if number == WARM_UP:
            began = time.perf_counter()
        if images.shape != (BATCH, 3, CROP, CROP):
            raise RuntimeError(f"a batch has the shape {tuple(images.shape)}")
        count += BATCH if number > WARM_UP else 0
    return count / (time.perf_counter() - began)


def compare(root: Path, rounds: int, steps: int) -> None:
    series = all_series(root)
    rates: dict[str, list[float]] = {name: [] for name in series}
    for turn in range(rounds):
        names = list(series)
        for name in names if turn % 2 == 0 else names[::-1]:
            rates[name].append(rate(series[name](steps)))
            print(f"{turn + 1}: {name} {rates[name][-1]:.1f}", file=sys.stderr, flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        spread = f"{min(rates[name]):.0f} to {max(rates[name]):.0f}"
        print(f"{name:<22}{median:>7.1f} images/s   {spread}")
    for ours, theirs, what in PAIRS:
        print(f"{ours:<20} / {theirs:<22}{medians[ours] / medians[theirs]:>7.2f}×   {what}")


def profile(root: Path, samples: int = 400) -> None:
    data = pluxel_data(root, ALL_COLORS)
    loader = training_loader(data, 0, samples // BATCH, BATCH)
    next(iter(loader))
    with cProfile.Profile() as found:
        for _ in loader:
            pass
    pstats.Stats(found).sort_stats("tottime").print_stats(40)
    pstats.Stats(found).sort_stats("cumulative").print_stats("pluxel|core|albumentations", 40)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="photographs, instead of synthetic pictures")
    parser.add_argument("--files", type=int, default=128, help="samples in the folder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # as in workers; two threads wait for each other beside other work
    with tempfile.TemporaryDirectory() as folder:
        write_voc(Path(folder), options.files, options.images)
        if options.profile:
            profile(Path(folder))
        else:
            compare(Path(folder), options.rounds, options.batches)


if __name__ == "__main__":
    main()
