"""Runs to report: one that was trained, and one with invented statistics of any number."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pluxel.core import Run, Trainer, load_config, prepare
from pluxel.core.engine.evaluation.details import BINS
from pluxel.core.engine.evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row
from pluxel.core.engine.training.experiment import Experiment
from pluxel.registry import Host

from ....conftest import Once
from ..conftest import TOY

ATTACK = "<script>document.title='attacked'</script>\"'><img src=x onerror=alert(1)>"
NAMES = {0: ATTACK, 7: "天空 😀 " + "l" * 300, 9: "ignore"}
LIVELY = (
    "training.steps=12",
    "training.eval_every=4",
    "training.log_every=1",
    "evaluation.metrics=[dice, boundary_iou]",
    f"labels.map={json.dumps(NAMES, ensure_ascii=False)}",
    "augment.train=[{RandomCrop: {height: 16, width: 16}}]",
)


@pytest.fixture(scope="session")
def toys() -> Host:
    host = Host(files=[Path(__file__).parents[1] / "toys.py"])
    assert not host.failures
    return host


@pytest.fixture(scope="session")
def trained_once(once: Once, toys: Host) -> Path:
    """Train once for all tests, with names that attack the page; return the folder of the run."""

    def fill(folder: Path) -> None:
        path = folder / "toy.yaml"
        path.write_text(TOY.replace("  pictures: 0\n", ""))
        prepared = prepare(load_config(path, LIVELY, host=toys))
        Trainer(Experiment(prepared, Run(folder / "run"))).train()

    return once("reported run", fill) / "run"


@pytest.fixture
def run(trained_once: Path, tmp_path: Path) -> Run:
    shutil.copytree(trained_once, tmp_path / "run")
    return Run(tmp_path / "run")


def invented(classes: int, images: int, seed: int = 0) -> HeadImageStatistics:
    """Return random statistics of a head, with few classes in an image."""
    random = np.random.default_rng(seed)
    confusion = np.zeros((classes, classes), np.int64)
    rows: dict[str, list] = {"counts": [], "objects": [], "reliability": []}
    for _ in range(images):
        present = random.choice(classes, min(classes, 8), replace=False)
        counts = np.zeros((classes, 3), np.int64)
        labeled = random.integers(1, 9000, len(present))
        right = random.integers(0, labeled + 1)
        confusion[present, present] += right
        confusion[present, np.roll(present, 1)] += labeled - right
        counts[present] = np.stack([right, labeled, right], -1)
        counts[np.roll(present, 1), 2] += labeled - right
        objects = np.zeros((classes, 3, 3), np.int64)
        objects[present, 1, 0], objects[present, 1, 1] = labeled, right
        reliability = np.zeros((BINS, 3))
        reliability[-1] = labeled.sum(), right.sum(), 0.95 * labeled.sum()
        for key, value in {
            "counts": counts,
            "objects": objects,
            "reliability": reliability,
        }.items():
            rows[key].append(sparse_row(value))
    shapes = {"counts": (classes, 3), "objects": (classes, 3, 3), "reliability": (BINS, 3)}
    return HeadImageStatistics(
        [f"class {number}" for number in range(classes)],
        (),
        confusion,
        {
            key: ImageRows.stacked(own, shapes[key], float if key == "reliability" else int)
            for key, own in rows.items()
        },
        {},
    )


@pytest.fixture
def with_statistics(run: Run) -> Callable[[int, int], Run]:
    """Replace the statistics of the run by invented ones of so many classes and images."""

    def replaced(classes: int, images: int) -> Run:
        old = ImageStatistics.read(run.statistics_of("val"))
        names = [f"street_{number:06}" for number in range(images)]
        heads = {"semantic": invented(classes, images)}
        ImageStatistics("val", old.step, names, (), heads).write(run.statistics_of("val"))
        return run

    return replaced
