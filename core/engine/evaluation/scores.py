"""The scores of the FCN paper as functions of sums of statistics, for many sums at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...common.numerics import means_of_known
from .statistics import ImageRows


@dataclass(frozen=True, eq=False)
class MetricScores:
    """The scores of metrics: ``overall`` (*K*) and ``per_class`` (*K*, C), by name, float64.

    A score of each class is in ``overall``, too, as the mean over the classes where it is defined.
    """

    overall: Mapping[str, np.ndarray]
    per_class: Mapping[str, np.ndarray]


def mean_iou_of_images(
    counts: ImageRows,
    images: np.ndarray | None = None,
    classes: Sequence[int] | slice = slice(None),
) -> np.ndarray:
    """Return the mean IoU of some images, or of all, (N,); NaN without labeled pixels.

    ``counts``: right, labeled and predicted pixels of each class, (C, 3). ``classes``: indices of
    those that count.
    """
    found = [np.zeros(0)]
    for rows in counts.blocks(images):
        block = rows[:, classes]
        means = paper_scores(block).overall["mean_iou"]
        found.append(np.where(block[..., 1].any(1), means, np.nan))
    return np.concatenate(found)


def paper_scores(counts: np.ndarray) -> MetricScores:
    """Return the scores for right, labeled and predicted pixels (*K*, C, 3); NaN if undefined.

    Long, Shelhamer & Darrell 2015, section 5; see `metrics`.
    """
    right, labeled, predicted = np.moveaxis(counts.astype(np.float64), -1, 0)
    with np.errstate(invalid="ignore"):
        accuracy, iou = right / labeled, right / (labeled + predicted - right)
        pixels = labeled.sum(-1)
        weighted = np.where(labeled > 0, labeled * np.nan_to_num(iou), 0).sum(-1) / pixels
        pixel_accuracy = right.sum(-1) / pixels
    overall = {
        "pixel_accuracy": pixel_accuracy,
        "mean_accuracy": means_of_known(accuracy),
        "mean_iou": means_of_known(iou),
        "mean_iou_present": means_of_known(np.where(labeled > 0, iou, np.nan)),
        "frequency_weighted_iou": weighted,
    }
    return MetricScores(overall, {"iou": iou, "accuracy": accuracy})
