"""Folders of evaluated runs, made of counts, without a training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.core import Run
from pluxel.core.engine.evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row

CLASSES = ("sky", "road", "car")
CONFIG = "pluxel: {version: 1.0}\nseed: 0\ntraining: {steps: 10, optimizer: {lr: 0.1}}\n"


def counts(images: int, skill: float = 0.7, seed: int = 0) -> np.ndarray:
    """Return right, labeled and predicted pixels, (images, 3, 3); the truth is always the same."""
    truth = np.random.default_rng(0).integers(0, 200, (images, 3))
    right = np.random.default_rng(seed + 1).binomial(truth, skill)
    return np.stack([right, truth, right + (truth - right)[:, [1, 2, 0]]], -1)


def head(
    values: np.ndarray,
    class_names: Sequence[str] = CLASSES,
    metrics: Mapping[str, Any] | None = None,
    background: Sequence[int] = (),
    **more: np.ndarray,
) -> HeadImageStatistics:
    rows = {
        key: ImageRows.stacked([sparse_row(one) for one in each], each.shape[1:], each.dtype)
        for key, each in {"counts": values, **more}.items()
    }
    size = len(class_names)
    confusion = np.zeros((size, size), np.int64)
    return HeadImageStatistics(class_names, background, confusion, rows, metrics or {})


@pytest.fixture
def evaluated(tmp_path: Path) -> Callable[..., Path]:
    """Return the folder of a run with statistics."""

    def evaluated(
        name: str,
        *heads: HeadImageStatistics,
        names: Sequence[str] = (),
        groups: Sequence[str] = (),
        config: str = CONFIG,
        step: int = 10,
        split: str = "val",
    ) -> Path:
        run = Run(tmp_path / name)
        run.directory.mkdir()
        run.config.write_text(config)
        run.weights.touch()
        run.results_of(split).write_text(json.dumps({"split": split, "step": step}))
        named = dict(zip(("semantic", "other"), heads, strict=False))
        images = len(heads[0].rows["counts"])
        names = names or [f"{index:04}" for index in range(images)]
        ImageStatistics(split, step, names, groups, named).write(run.statistics_of(split))
        return run.directory

    return evaluated
