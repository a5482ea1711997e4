"""Boundary metrics equal independent implementations by erosion and by distance transform."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pluxel.core.authoring import SegmentedBatch
from scipy import ndimage

from .conftest import IGNORE, Scored, blobs

SQUARE = np.ones((3, 3), bool)
SIZES = [(40, 56), (1, 30), (17, 5), (64, 64)]


def eroded_band(mask: np.ndarray, void: np.ndarray, width: int) -> np.ndarray:
    """Cheng et al.: the pixels that erosion by ``width`` removes; ignored pixels erode nothing."""
    kept = ndimage.binary_erosion(mask | void, SQUARE, iterations=width, border_value=0)
    return mask & ~kept


def boundary_iou(batch: SegmentedBatch, width: float, pixels: int | None) -> np.ndarray:
    sums = np.zeros((batch.num_classes, 2))
    for guess, truth in zip(batch.prediction.numpy(), batch.target.numpy(), strict=True):
        void = truth == IGNORE
        reach = pixels or max(1, round(width * math.hypot(*truth.shape)))
        for number in range(batch.num_classes):
            one, two = (
                eroded_band((each == number) & ~void, void, reach) for each in (guess, truth)
            )
            sums[number] += (one & two).sum(), (one | two).sum()
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def border(mask: np.ndarray, void: np.ndarray) -> np.ndarray:
    """The pixels of a mask with one of the other classes among their eight neighbors."""
    return mask & ndimage.binary_dilation(~mask & ~void, SQUARE)


def share_near(line: np.ndarray, other: np.ndarray, limit: float) -> float:
    if not line.any():
        return math.nan
    if not other.any():
        return 0.0
    return float((ndimage.distance_transform_edt(~other)[line] <= limit).mean())


def boundary_f1(batch: SegmentedBatch, limit: float) -> np.ndarray:
    found = np.full((len(batch), batch.num_classes), np.nan)
    pairs = zip(batch.prediction.numpy(), batch.target.numpy(), strict=True)
    for image, (guess, truth) in enumerate(pairs):
        void = truth == IGNORE
        for number in range(batch.num_classes):
            one, two = (border((each == number) & ~void, void) for each in (guess, truth))
            precision, recall = share_near(one, two, limit), share_near(two, one, limit)
            if one.any() or two.any():
                total = precision + recall
                found[image, number] = 2 * precision * recall / total if total > 0 else 0
    with np.errstate(invalid="ignore"):
        return np.nansum(found, 0) / (~np.isnan(found)).sum(0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [None, 1, 3, 40])
def test_boundary_iou_equals_erosion(
    scored: Scored, size: tuple[int, int], pixels: int | None
) -> None:
    batch = blobs(size=size, seed=sum(size))
    section = {"type": "boundary_iou", "width": 0.05, "pixels": pixels}
    found = scored(section, batch)["boundary_iou"].numpy()
    np.testing.assert_allclose(found, boundary_iou(batch, 0.05, pixels), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [None, 0, 1, 1.5, 5, 7.3])
def test_boundary_f1_equals_distances(
    scored: Scored, size: tuple[int, int], pixels: float | None
) -> None:
    batch = blobs(size=size, seed=sum(size))
    limit = 0.03 * math.hypot(*size) if pixels is None else pixels
    section = {"type": "boundary_f1", "tolerance": 0.03, "pixels": pixels}
    found = scored(section, batch)["boundary_f1"].numpy()
    np.testing.assert_allclose(found, boundary_f1(batch, limit), atol=1e-6)


def test_more_classes_than_bits(scored: Scored) -> None:
    batch = blobs(classes=150, seed=3)
    assert batch.target.unique().numel() > 40
    found = scored({"type": "boundary_f1", "pixels": 2}, batch)["boundary_f1"].numpy()
    np.testing.assert_allclose(found, boundary_f1(batch, 2), atol=1e-6)
    assert (~np.isnan(found[63:])).any()


def halves(*columns: int, void: int | None = None) -> torch.Tensor:
    """Return one image of 9 × 10, class 1 from a column on; ``void``: an ignored column."""
    image = torch.zeros(1, 9, 10, dtype=torch.int64)
    for column in columns:
        image[..., column:] = 1
    if void is not None:
        image[..., void] = IGNORE
    return image


def batch_of(prediction: torch.Tensor, target: torch.Tensor) -> SegmentedBatch:
    certain = torch.nn.functional.one_hot(prediction, 2).movedim(-1, 1).float()
    return SegmentedBatch.of(certain, target, IGNORE)


def test_ignored_pixels_belong_to_no_boundary(scored: Scored) -> None:
    """Two classes with an ignored column between them touch nowhere, so neither has a boundary."""
    batch = batch_of(halves(5), halves(5, void=5))
    assert not scored({"type": "boundary_f1"}, batch)["boundary_f1"].isfinite().any()
    # Within two pixels, they see each other across the column.
    found = scored({"type": "boundary_iou", "pixels": 2}, batch)["boundary_iou"]
    assert found.tolist() == [1, 1]
    # A prediction that ends inside the ignored region differs nowhere that counts.
    other = batch_of(halves(6), halves(5, void=5))
    assert scored({"type": "boundary_iou"}, other)["boundary_iou"].tolist() == [1, 1]


def test_the_edge_of_the_image(scored: Scored) -> None:
    """It is a boundary in boundary IoU, as in the published code, and none in boundary F1."""
    whole = batch_of(torch.zeros(1, 9, 10, dtype=torch.int64), halves())
    iou = scored({"type": "boundary_iou", "pixels": 1}, whole)["boundary_iou"]
    assert iou.nan_to_num(-1).tolist() == [1, -1]
    assert not scored({"type": "boundary_f1"}, whole)["boundary_f1"].isfinite().any()


def test_a_boundary_that_is_not_predicted_scores_zero(scored: Scored) -> None:
    missed = batch_of(torch.zeros(1, 9, 10, dtype=torch.int64), halves(5))
    assert scored({"type": "boundary_f1"}, missed)["boundary_f1"].tolist() == [0, 0]
    shifted = batch_of(halves(6), halves(5))
    for pixels, expected in ((0.0, 0.0), (1.0, 1.0)):
        found = scored({"type": "boundary_f1", "pixels": pixels}, shifted)["boundary_f1"]
        assert found.tolist() == [expected, expected]


def test_names_tell_widths_apart(scored: Scored) -> None:
    section = {"type": "boundary_iou", "pixels": 1, "name": "thin"}
    assert [*scored(section, blobs())] == ["thin"]
