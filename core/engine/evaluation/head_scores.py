"""All scores of a head as functions of sums of statistics, for many sums at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from ....registry import Host, PluxelError
from ...common.numerics import means_of_known
from ...config.messages.faults import faulty_component
from ...config.sections.factory import Factory
from ...contracts.kinds import Metric
from .image_statistics import HeadImageStatistics
from .measures import COUNTS, Measures, build_measure
from .scores import MetricScores, paper_scores

_IGNORE_INDEX = 255
"""Metrics are built to score sums, which contain no ignored pixels anymore."""


@dataclass(frozen=True, eq=False)
class HeadScores:
    """Scores the sums of a head's statistics, of ``classes``: the indices that count.

    ``foreground``: places in ``classes``. ``measures``: its metrics. ``is_whole``: whether all
    classes count. ``errors``: the names of scores that are better if they are lower.
    ``unavailable``: why a metric cannot be built, by key, such as one of a missing plugin.
    """

    classes: Sequence[int]
    foreground: Sequence[int]
    measures: Measures
    is_whole: bool
    errors: frozenset[str]
    unavailable: Mapping[str, str]

    @classmethod
    def of(
        cls,
        head: HeadImageStatistics,
        metrics: Mapping[str, str],
        host: Host,
        *,
        classes: Sequence[str],
        background: Sequence[str],
        is_whole: bool = True,
    ) -> HeadScores:
        """Return the scores of a head; ``metrics``: new key -> key in the head.

        ``classes``, ``background``: the names of those that count, in the order of their scores.
        """
        built, unavailable = [], {}
        for key, own in metrics.items():
            try:
                factory = _factory(head.metrics[own], host)
                one = build_measure(factory, head.class_names, _IGNORE_INDEX)
            except PluxelError as error:
                unavailable[key] = error.message.rstrip(".")
            else:
                built.append(replace(one, key=key))
        measures = Measures(built, head.class_names, {})
        indices = [[*head.class_names].index(name) for name in classes]
        foreground = [at for at, name in enumerate(classes) if name not in background]
        errors = frozenset(measures.lower_is_better())
        return cls(indices, foreground, measures, is_whole, errors, unavailable)

    def __call__(self, sums: Mapping[str, np.ndarray]) -> MetricScores:
        """Score sums (*K*, …) of statistics, by key.

        If not all classes count, only scores of classes and their means are there: others would
        mix in what the runs do not have in common.
        """
        own = paper_scores(sums[COUNTS][:, [*self.classes]])
        more = self.measures.scores(sums)
        overall, per_class = dict(own.overall), dict(own.per_class)
        if not self.is_whole:
            overall = {"mean_accuracy": overall["mean_accuracy"], "mean_iou": overall["mean_iou"]}
        elif len(self.foreground) < len(self.classes):
            kept = own.per_class["iou"][:, [*self.foreground]]
            overall["mean_iou_foreground"] = means_of_known(kept)
        for name, values in more.overall.items():
            if name in more.per_class:
                per_class[name] = more.per_class[name][:, [*self.classes]]
                overall[name] = means_of_known(per_class[name])
            elif self.is_whole:
                overall[name] = values
        return MetricScores(overall, per_class)


def _factory(section: Any, host: Host) -> Factory[Metric]:
    """Return a metric that YAML names. Raises: PluxelError, such as for a missing plugin."""
    try:
        return TypeAdapter(Factory[Metric]).validate_python(section, context={"host": host})
    except ValidationError as error:
        raise faulty_component(error) from error
