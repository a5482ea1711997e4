"""What an evaluation finds for a head beyond the scores of the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...common.numerics import finite_or_none, mean_of_known
from .measures import COUNTS, Measures
from .scores import MetricScores
from .statistics import ImageRows, SparseRow


@dataclass(frozen=True, eq=False)
class HeadResults:
    """The statistics of all images of a split, and the scores of the metrics.

    ``rows``: key -> statistics, in the order of the split; ``counts`` are the right, labeled and
    predicted pixels of each class. ``confusion``: (C, C) int64, of all images.
    """

    measures: Measures
    confusion: np.ndarray
    rows: Mapping[str, ImageRows]
    found: MetricScores = field(init=False)

    def __post_init__(self) -> None:
        """Score the sum over all images."""
        totals = {key: one.total()[None] for key, one in self.rows.items()}
        object.__setattr__(self, "found", self.measures.scores(totals))

    @classmethod
    def empty(cls, measures: Measures) -> HeadResults:
        """Return the results for no image: all scores are undefined."""
        count = len(measures.class_names)
        return cls.of(measures, torch.zeros(count, count, dtype=torch.int64), ())

    @classmethod
    def of(
        cls, measures: Measures, confusion: Tensor, rows: Sequence[Mapping[str, SparseRow]]
    ) -> HeadResults:
        """Return the results for the statistics of each image."""
        count = len(measures.class_names)
        shapes = {COUNTS: ((count, 3), np.dtype(np.int64)), **measures.own_shapes}
        stacked = {
            key: ImageRows.stacked([row[key] for row in rows], *shape)
            for key, shape in shapes.items()
        }
        return cls(measures, confusion.cpu().numpy(), stacked)

    def scalars(self) -> dict[str, float]:
        """Return the scores of the metrics with flat names: ``dice``, ``dice/road``."""
        flat = {name: values.item() for name, values in self.found.overall.items()}
        for name, values in self.found.per_class.items():
            pairs = zip(self.measures.class_names, values[0].tolist(), strict=True)
            flat |= {f"{name}/{one}": value for one, value in pairs}
        return flat

    def added_to(self, head: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON of a head with the scores of the metrics: overall, by class, by image.

        ``mean_over_images`` is the mean of each overall score over the images for which it is
        defined.
        """
        if not self.measures.measures:
            return {**head}
        overall = {n: finite_or_none(values.item()) for n, values in self.found.overall.items()}
        by_class = {
            name: {n: finite_or_none(v[0, at].item()) for n, v in self.found.per_class.items()}
            for at, name in enumerate(self.measures.class_names)
        }
        images = [*self.measures.of_each_image(self.rows)]
        return {
            **head,
            "overall": head["overall"] | overall,
            "per_class": {n: one | by_class[n] for n, one in head["per_class"].items()},
            "mean_over_images": {name: _mean([one[name] for one in images]) for name in overall},
            "per_image": [row | one for row, one in zip(head["per_image"], images, strict=True)],
        }


def _mean(values: Sequence[float | None]) -> float | None:
    return finite_or_none(mean_of_known(np.array([math.nan if v is None else v for v in values])))
