"""The metrics of a head: built, checked, and applied to batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ....registry import PluxelError, reason_of
from ...common.numerics import finite_or_none, means_of_known
from ...common.text import plural
from ...config._config import Config
from ...config.sections.factory import Factory
from ...contracts.kinds import Metric
from ...contracts.labels import LabelSpace
from ...contracts.offers import offers
from ...contracts.optional import LowerIsBetter
from ...contracts.segmented import SegmentedBatch
from ...geometry.scores import Scores
from ...model.strips import resampled_confidence, resampled_predictions
from .metrics import ConfusionMatrix
from .scores import MetricScores
from .statistics import ImageRows

MetricValue = TypeVar("MetricValue")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPES = (torch.int64, torch.float64)

OWN = frozenset(
    {
        "accuracy",
        "frequency_weighted_iou",
        "harmonic_mean_iou",
        "iou",
        "loss",
        "mean_accuracy",
        "mean_iou",
        "mean_iou_foreground",
        "mean_iou_present",
        "name",
        "pixel_accuracy",
        "pixels",
        "seen_mean_iou",
        "unseen_mean_iou",
    }
)
"""Names that evaluations use for scores of their own."""


def segmented(
    scores: Scores, prediction: Tensor, target: Tensor, matrix: ConfusionMatrix, counts: Tensor
) -> SegmentedBatch:
    """Return the batch of scores and their classes at the size of the target, both (N, H, W).

    ``counts``: the confusion of each image, as ``matrix`` has counted it.
    """
    height, width = target.shape[-2:]
    size = height, width
    return SegmentedBatch(
        prediction,
        target,
        matrix.num_classes,
        matrix.ignore_index,
        confusion=counts,
        probabilities=lambda: _softmax(scores, size),
        confidence=lambda: resampled_confidence(scores, size),
    )


def _softmax(scores: Scores, size: tuple[int, int]) -> Tensor:
    found = resampled_predictions(scores, size, probabilities=True)[1]
    assert found is not None  # requested
    return found


@dataclass(frozen=True, eq=False)
class Measure:
    """One metric of a head. ``key``: its name among the metrics of the head."""

    key: str
    factory: Factory[Metric]
    metric: Metric

    @property
    def lower_is_better(self) -> Sequence[str]:
        """The names of the scores that are errors."""
        return self.metric.lower_is_better if offers(self.metric, LowerIsBetter) else ()

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return the statistics of each image.

        Raises: PluxelError that names the metric if it fails or violates its contract.
        """
        found = self._called(lambda: self.metric.statistics(batch))
        if not isinstance(found, Tensor):
            raise self._wrong(f"'statistics' returned {type(found).__name__}, not a tensor")
        if found.dtype not in _TYPES:
            raise self._wrong(f"'statistics' returned {found.dtype}, not int64 or float64")
        if found.shape[:1] != (len(batch),):
            raise self._wrong(
                f"'statistics' returned the shape {tuple(found.shape)} for "
                f"{plural(len(batch), 'image')}: it must have one row for each"
            )
        return found

    def scores(self, total: np.ndarray, rows: int, num_classes: int) -> MetricScores:
        """Return the scores of ``rows`` sums of statistics, (rows, …)."""
        found = self._called(lambda: self.metric.scores(torch.from_numpy(total)))
        overall, per_class = {}, {}
        for name, value in found.items():
            if not _NAME.fullmatch(name):
                raise self._wrong(
                    f"'{name}' is not a valid name of a score: use lowercase letters, digits and "
                    "'_', starting with a letter"
                )
            values = torch.as_tensor(value).double().numpy()
            if values.shape == (rows, num_classes):
                per_class[name] = values
                overall[name] = means_of_known(values)
            elif values.shape == (rows,):
                overall[name] = values
            else:
                raise self._wrong(
                    f"score '{name}' has the shape {values.shape} for {rows} sums and "
                    f"{num_classes} classes, not ({rows},) or ({rows}, {num_classes})"
                )
        return MetricScores(overall, per_class)

    def _called(self, function: Callable[[], MetricValue]) -> MetricValue:
        try:
            return function()
        except PluxelError:
            raise
        except Exception as error:
            reason, notes = reason_of(error)
            raise PluxelError(f"{self._named} failed ({reason})", notes) from error

    def _wrong(self, problem: str) -> PluxelError:
        return PluxelError(f"{self._named} cannot be used: {problem}")

    @property
    def _named(self) -> str:
        return f"{self.factory} of plugin {self.factory.component.provider}"


@dataclass(frozen=True, eq=False)
class Measures:
    """All metrics of a head, with the shapes of their statistics and the names of their scores.

    ``own_shapes``: key -> shape and type of the statistics of an image, of those metrics that do
    not follow from the counts.
    """

    measures: Sequence[Measure]
    class_names: Sequence[str]
    own_shapes: Mapping[str, tuple[tuple[int, ...], np.dtype]]

    def statistics(self, batch: SegmentedBatch) -> dict[str, np.ndarray]:
        """Return the statistics of each image, by key; not those that are ``batch.counts``."""
        found: dict[str, np.ndarray] = {}
        for one in self.measures:
            if one.key not in self.own_shapes:
                continue
            values = one.statistics(batch)
            shape, dtype = self.own_shapes[one.key]
            if tuple(values.shape[1:]) != shape:
                raise PluxelError(
                    f"{one.factory} returned statistics of shape {tuple(values.shape[1:])} for one "
                    f"image and {shape} for another, so they cannot be added"
                )
            found[one.key] = values.cpu().numpy().astype(dtype, copy=False)
            if not np.isfinite(found[one.key]).all():
                raise PluxelError(f"{one.factory} returned statistics that are not finite")
        return found

    def scores(self, rows: Mapping[str, np.ndarray]) -> MetricScores:
        """Return the scores of sums of statistics (*K*, …), by key; ``counts`` are those of all."""
        overall: dict[str, np.ndarray] = {}
        per_class: dict[str, np.ndarray] = {}
        for one in self.measures:
            total = rows.get(one.key, rows[COUNTS])
            found = one.scores(total, len(total), len(self.class_names))
            overall |= found.overall
            per_class |= found.per_class
        return MetricScores(overall, per_class)

    def lower_is_better(self) -> set[str]:
        """Return the names of the scores that are errors."""
        return {name for one in self.measures for name in one.lower_is_better}

    def of_each_image(self, rows: Mapping[str, ImageRows]) -> Iterator[dict[str, float | None]]:
        """Yield the overall scores of each image, None if undefined."""
        count = len(rows[COUNTS])
        for first in range(0, count, _CHUNK):
            part = slice(first, min(first + _CHUNK, count))
            found = self.scores({key: one.dense(part) for key, one in rows.items()}).overall
            lists = {name: values.tolist() for name, values in found.items()}
            for row in range(part.stop - part.start):
                yield {name: finite_or_none(values[row]) for name, values in lists.items()}


COUNTS = "counts"
"""The key of the right, labeled and predicted pixels of each class, (C, 3)."""

DETAILS = RELIABILITY, OBJECTS = "reliability", "objects"
"""Keys of statistics for reports: those of `SegmentedBatch.reliability` and `pixels_by_size`."""

_CHUNK = 1000
"""Images to score at once: enough to be fast, and bounded in memory."""


def build_measures(config: Config, spaces: Mapping[str, LabelSpace]) -> dict[str, Measures]:
    """Build the metrics of ``evaluation.metrics`` for each head, and try each on a small image.

    Raises: ConfigError at the metric that cannot be built or used, or whose scores have names in
    use.
    """
    return {
        head: measures_of(config, space.class_names, space.ignore_index)
        for head, space in spaces.items()
    }


def measures_of(config: Config, class_names: Sequence[str], ignore_index: int) -> Measures:
    """Build the metrics of one head, as `build_measures` does."""
    measures: list[Measure] = []
    shapes: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
    owners: dict[str, str] = dict.fromkeys(OWN, "the evaluation itself")
    for index, factory in enumerate(config.pipeline.evaluation.metrics):
        with config.at("evaluation", "metrics", index):
            keys = [each.key for each in measures]
            one = build_measure(factory, class_names, ignore_index, keys)
            example = _example(len(class_names), ignore_index)
            sample = one.statistics(example)
            total = sample.cpu().numpy()
            names = one.scores(total, 1, len(class_names)).overall
            if taken := [name for name in names if name in owners]:
                raise PluxelError(
                    f"{factory} reports '{taken[0]}', as does {owners[taken[0]]}: remove it, or "
                    "set its name if it has such a parameter"
                )
            owners |= dict.fromkeys(names, str(factory))
            measures.append(one)
            if sample is not example.counts:
                shapes[one.key] = tuple(sample.shape[1:]), total.dtype
    return Measures(measures, class_names, shapes)


def build_measure(
    factory: Factory[Metric],
    class_names: Sequence[str],
    ignore_index: int,
    keys: Sequence[str] = (),
) -> Measure:
    """Build one metric; ``keys``: those that other metrics of the head have already."""
    name = factory.component.name
    numbered = (f"{name}_{number}" for number in range(2, len(keys) + 3))
    key = next(one for one in (name, *numbered) if one not in (*keys, COUNTS, *DETAILS))
    metric = factory(
        num_classes=len(class_names), ignore_index=ignore_index, class_names=[*class_names]
    )
    return Measure(key, factory, metric)


def _example(num_classes: int, ignore_index: int) -> SegmentedBatch:
    """Return an image of 8 × 8 pixels of the first class, predicted with equal probabilities."""
    uniform = torch.full((1, num_classes, 8, 8), 1 / num_classes)
    return SegmentedBatch.of(uniform, torch.zeros(1, 8, 8, dtype=torch.int64), ignore_index)
