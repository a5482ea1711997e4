"""Overlap, calibration and the mean per image: worked examples and torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from pluxel.core.authoring import SegmentedBatch

from .conftest import IGNORE, Scored, blobs

Peer = Callable[[str], ModuleType]


def worked() -> SegmentedBatch:
    """The example of docs/metrics.md, as one image."""
    truth = torch.tensor([[[0, 0, 0, 1, 1, 255, 255, 2, 2, 2]]])
    prediction = torch.tensor([[[0, 0, 1, 1, 3, 0, 2, 2, 2, 0]]])
    certain = torch.nn.functional.one_hot(prediction, 5).movedim(-1, 1).float()
    return SegmentedBatch.of(certain, truth, IGNORE)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("dice", [2 / 3, 1 / 2, 4 / 5, 0, math.nan]),
        ("precision", [2 / 3, 1 / 2, 1, 0, math.nan]),
        ("recall", [2 / 3, 1 / 2, 2 / 3, math.nan, math.nan]),
    ],
)
def test_overlap_of_the_worked_example(scored: Scored, kind: str, expected: list[float]) -> None:
    found = scored({"type": kind}, worked())[kind].tolist()
    assert found == pytest.approx(expected, nan_ok=True)


def test_per_image_is_the_mean_of_the_means(scored: Scored) -> None:
    one, other = worked(), blobs(classes=5)
    alone = [scored({"type": "per_image"}, batch)["per_image_mean_iou"] for batch in (one, other)]
    assert alone[0].item() == pytest.approx(0.375)
    both = scored({"type": "per_image"}, one, other)["per_image_mean_iou"]
    assert both.item() == pytest.approx((alone[0] + 2 * alone[1]).item() / 3)


def test_calibration_of_a_worked_example(scored: Scored) -> None:
    """Confidences 0.5 and 1.0 are the upper edges of their bins, and the last pixel is ignored."""
    share = torch.tensor([0.5, 0.45, 1.0, 0.9])
    probabilities = torch.stack([share, 1 - share])[None, :, None]
    target = torch.tensor([[[0, 0, 1, IGNORE]]])
    batch = SegmentedBatch.of(probabilities, target, IGNORE)
    found = scored({"type": "calibration", "bins": 2}, batch)["calibration_error"]
    # (0, 0.5]: right with 0.5. (0.5, 1]: 0.55 of class 1 is wrong, and so is 1.0 of class 0.
    assert found.item() == pytest.approx((abs(1 - 0.5) + abs(0 - 1.55)) / 3)


def test_confidence_is_the_largest_probability() -> None:
    batch = blobs()
    assert torch.equal(batch.confidence, batch.probabilities.amax(1))


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_equals_torchmetrics(scored: Scored, peer: Peer, bins: int) -> None:
    error = peer("torchmetrics.functional.classification").multiclass_calibration_error
    batch = blobs(seed=5)
    expected = error(
        batch.probabilities, batch.target, 4, n_bins=bins, norm="l1", ignore_index=IGNORE
    )
    found = scored({"type": "calibration", "bins": bins}, batch)["calibration_error"]
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)  # torchmetrics adds in float32


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("dice", "multiclass_f1_score"),
        ("precision", "multiclass_precision"),
        ("recall", "multiclass_recall"),
    ],
)
def test_overlap_equals_torchmetrics(scored: Scored, peer: Peer, kind: str, function: str) -> None:
    score = getattr(peer("torchmetrics.functional.classification"), function)
    batch = blobs(seed=6)
    expected = score(batch.prediction, batch.target, 4, average="none", ignore_index=IGNORE)
    torch.testing.assert_close(scored({"type": kind}, batch)[kind].float(), expected)
