"""A plugin with metrics for tests of comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from pluxel.core.authoring import SegmentedBatch
from pluxel.registry import Component, hookimpl
from torch import Tensor


@hookimpl
def pluxel_metrics() -> list[Component]:
    return [
        Component("misses", "toy_metrics:Misses", "Share of missed pixels of each class."),
        Component("first", "toy_metrics:FirstClass", "Accuracy of the first class, by its name."),
    ]


class Misses:
    lower_is_better = ("misses",)

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        return batch.counts

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        right, labeled, _ = total.double().unbind(-1)
        return {"misses": 1 - right / labeled}


class FirstClass:
    def __init__(self, class_names: Sequence[str]) -> None:
        self.name = class_names[0]

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        return batch.counts

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        right, labeled, _ = total.double().unbind(-1)
        return {f"first_{self.name}": (right / labeled)[:, 0]}
