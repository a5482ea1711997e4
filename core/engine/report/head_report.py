"""The scores of a head for a page: with intervals, by class, by size of objects, by image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ....registry import Host
from ...common.numerics import finite_or_none
from ...contracts.segmented import calibration_error
from ..evaluation.bootstrap import Blocks, draw, interval, resampled
from ..evaluation.head_scores import HeadScores
from ..evaluation.image_statistics import HeadImageStatistics
from ..evaluation.measures import COUNTS, OBJECTS, RELIABILITY
from ..evaluation.objects import FALSE_ALARM, LABELED, RIGHT, SIZES
from ..evaluation.scores import mean_iou_of_images
from ..titles import title_of

SAMPLES = 1000
"""Resamples for the intervals."""

MOST_CONFUSED = 200
"""Classes of a confusion matrix; of more, those with the most wrong pixels are shown."""

MOST_IMAGES = 5000
"""Images that a page lists; of more, the worst and some others spread over the rest."""


@dataclass(frozen=True)
class ScoreTables:
    """The scores of a head as rows of tables.

    ``overall``: a title and an interval each. ``classes``: a row for each class. ``metrics``: the
    titles of its columns for metrics. ``axis``: the ends of one for the intervals of the classes,
    in tenths.
    """

    overall: Sequence[Mapping[str, Any]]
    classes: Sequence[Mapping[str, Any]]
    metrics: Sequence[str]
    axis: tuple[float, float]


class HeadReport:
    """The statistics of a head as values for a page; ``notes``: what is missing or unusual.

    ``names``: of the images. ``blocks``: of the bootstrap.
    """

    def __init__(
        self, head: HeadImageStatistics, names: list[str], blocks: Blocks, host: Host
    ) -> None:
        self.head, self.names, self._blocks = head, names, blocks
        self.notes: list[str] = []
        self.counts = head.rows[COUNTS]
        self.means = mean_iou_of_images(self.counts)
        self._scores = HeadScores.of(
            head,
            {key: key for key in head.metrics},
            host,
            classes=head.class_names,
            background=[head.class_names[at] for at in head.background],
        )
        for key, reason in self._scores.unavailable.items():
            self.notes.append(f"The metric '{key}' is not shown: {reason}.")

    def tables(self) -> ScoreTables:
        """Return the scores with intervals, of the head and of each class."""
        keys = [COUNTS, *(m.key for m in self._scores.measures.measures if m.key in self.head.rows)]
        sums = {
            key: self.head.rows[key].sums(self._blocks.of_image, self._blocks.count) for key in keys
        }
        found = self._scores({key: one.sum(0, keepdims=True) for key, one in sums.items()})
        weights = draw(self._blocks.count, SAMPLES, 0)
        drawn = self._scores({key: resampled(weights, one) for key, one in sums.items()})
        overall = [
            {
                "title": title_of(name),
                "lower_is_better": name in self._scores.errors,
                **self._interval(values.item(), drawn.overall[name]),
            }
            for name, values in found.overall.items()
        ]
        totals = self.counts.total()
        labeled = max(1, int(totals[:, 1].sum()))
        with np.errstate(invalid="ignore"):
            precision = totals[:, 0] / totals[:, 2]
        images = self.counts.occurrences()[:, 1]
        classes = [
            {
                "name": name,
                "iou": self._interval(found.per_class["iou"][0, at], drawn.per_class["iou"][:, at]),
                "accuracy": finite_or_none(found.per_class["accuracy"][0, at].item()),
                "precision": finite_or_none(precision[at].item()),
                "metrics": [
                    finite_or_none(values[0, at].item())
                    for key, values in found.per_class.items()
                    if key not in _OWN
                ],
                "pixels": int(totals[at, 1]),
                "fraction": totals[at, 1].item() / labeled,
                "images": int(images[at]),
            }
            for at, name in enumerate(self.head.class_names)
        ]
        more = [title_of(key) for key in found.per_class if key not in _OWN]
        axis = _axis([one["iou"] for one in classes])
        return ScoreTables(overall, classes, more, axis)

    def _interval(self, value: float, samples: np.ndarray) -> dict[str, float | None]:
        found = interval(value, samples, self._blocks.count)
        return {"value": finite_or_none(value), "low": found.low, "high": found.high}

    def confusion(self) -> dict[str, Any]:
        """Return the confusion matrix, of at most `MOST_CONFUSED` classes.

        ``shown``: indices of its classes. ``pixels``: of each true class (rows) and predicted class
        (columns). ``labeled``, ``predicted``: pixels of each shown class among all classes.
        """
        found = self.head.confusion
        labeled, predicted = found.sum(1), found.sum(0)
        wrong = labeled + predicted - 2 * np.diag(found)
        shown = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CONFUSED])
        return {
            "shown": shown.tolist(),
            "pixels": found[np.ix_(shown, shown)].tolist(),
            "labeled": labeled[shown].tolist(),
            "predicted": predicted[shown].tolist(),
        }

    def reliability(self) -> dict[str, Any] | None:
        """Return the expected calibration error, and each bin; None if it was not kept."""
        if RELIABILITY not in self.head.rows:
            return None
        sums = self.head.rows[RELIABILITY].total()
        pixels, right, confidence = sums.T
        known = pixels > 0
        total = pixels.sum()
        count = len(pixels)
        bins = [
            {
                "low": at / count,
                "high": (at + 1) / count,
                "fraction": pixels[at] / total,
                "confidence": confidence[at] / pixels[at],
                "accuracy": right[at] / pixels[at],
            }
            for at in np.flatnonzero(known)
        ]
        return {
            "error": finite_or_none(calibration_error(torch.from_numpy(sums)).item()),
            "bins": bins,
        }

    def sizes(self) -> dict[str, Any] | None:
        """Return the IoU by size of objects; None if it was not kept.

        ``classes``: an entry for each class and size that it has. ``means``: of each size, over the
        classes that have objects of every size that occurs, so that they are comparable;
        ``compared``: the number of these classes; ``total``: of all classes with objects.
        """
        if OBJECTS not in self.head.rows:
            return None
        total = self.head.rows[OBJECTS].total().astype(np.float64)
        labeled = total[..., LABELED]
        with np.errstate(invalid="ignore"):
            iou = total[..., RIGHT] / (labeled + total[..., FALSE_ALARM])
        has = labeled > 0
        sizes = [(column, size) for column, size in enumerate(SIZES) if has[:, column].any()]
        columns = [column for column, _ in sizes]
        compared = np.flatnonzero(has[:, columns].all(1)).tolist() if columns else []
        classes = [
            {
                "size": size,
                "class": name,
                "iou": iou[row, column].item(),
                "pixels": int(labeled[row, column]),
                "compared": row in compared,
            }
            for column, size in sizes
            for row, name in enumerate(self.head.class_names)
            if has[row, column]
        ]
        means = [
            {"size": size, "iou": iou[compared, column].mean().item()}
            for column, size in sizes
            if compared
        ]
        return {
            "classes": classes,
            "means": means,
            "compared": len(compared),
            "total": int(has.any(1).sum()),
        }

    def images(self) -> dict[str, Any]:
        """Return the mean IoU of each image, the worst first, and how many there are in all."""
        order = np.argsort(np.where(np.isnan(self.means), np.inf, self.means), kind="stable")
        order = order[: np.count_nonzero(~np.isnan(self.means))]
        known = np.sort(self.means[order])
        if len(order) > MOST_IMAGES:
            worst, rest = order[: MOST_IMAGES // 2], order[MOST_IMAGES // 2 :]
            spread = np.linspace(0, len(rest) - 1, MOST_IMAGES - len(worst)).round().astype(int)
            order = np.concatenate([worst, rest[spread]])
        counts, edges = np.histogram(known, 20, (0, 1))
        return {
            "total": len(known),
            "names": [self.names[index] for index in order],
            "mean_iou": [round(float(self.means[index]), 4) for index in order],
            "histogram": [[float(edges[i]), int(counts[i])] for i in range(len(counts))],
            "median": finite_or_none(float(np.median(known))) if len(known) else None,
        }


_OWN = ("iou", "accuracy")


def _axis(intervals: Sequence[Mapping[str, float | None]]) -> tuple[float, float]:
    """Return the ends of an axis that has all intervals, in tenths of 0–1."""
    ends = [end for one in intervals for end in (one["low"], one["high"]) if end is not None]
    low = min(0.9, math.floor(10 * min(ends, default=0)) / 10)
    return low, max(low + 0.1, math.ceil(10 * max(ends, default=1)) / 10)
