"""Statistics of images, kept without their zeros."""

from __future__ import annotations

import numpy as np
import pytest
from pluxel.core.engine.evaluation import statistics
from pluxel.core.engine.evaluation.scores import mean_iou_of_images
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row


@pytest.fixture
def values() -> np.ndarray:
    """Return right, labeled and predicted pixels of 25 images and 4 classes, many of them 0."""
    random = np.random.default_rng(0)
    labeled = random.integers(0, 9, (25, 4)) * random.integers(0, 2, (25, 4))
    labeled[:, 0] += 1
    labeled[3] = 0
    right = random.integers(0, labeled + 1)
    return np.stack([right, labeled, np.roll(labeled - right, 1, 1) + right], -1)


def rows_of(values: np.ndarray) -> ImageRows:
    return ImageRows.stacked([sparse_row(one) for one in values], values.shape[1:], np.int64)


def test_blocks_are_bounded(values: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(statistics, "MOST_ROWS", 10)
    rows = rows_of(values)
    assert [len(one) for one in rows.blocks()] == [10, 10, 5]
    assert np.array_equal(np.concatenate([*rows.blocks()]), values)
    chosen = np.array([7, 3, 24])
    (some,) = rows.blocks(chosen)
    assert np.array_equal(some, values[chosen])


def test_occurrences(values: np.ndarray) -> None:
    assert np.array_equal(rows_of(values).occurrences(), (values != 0).sum(0))


def test_the_mean_iou_of_images(values: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(statistics, "MOST_ROWS", 10)
    right, labeled, predicted = np.moveaxis(values, -1, 0)
    with np.errstate(invalid="ignore"):
        iou = right / (labeled + predicted - right)
    found = mean_iou_of_images(rows_of(values))
    assert np.isnan(found[3])
    known = np.arange(25) != 3
    assert found[known] == pytest.approx(np.nanmean(iou[known], 1))
    some = mean_iou_of_images(rows_of(values), np.array([8, 3]), [2, 0])
    assert some == pytest.approx([np.nanmean(iou[8, [2, 0]]), np.nan], nan_ok=True)
    assert mean_iou_of_images(rows_of(values[:0])).shape == (0,)
