"""A recall that keeps every guarantee, and for each guarantee a metric that violates it."""

from __future__ import annotations

from typing import ClassVar

import torch
from pluxel.core.authoring import SegmentedBatch
from pluxel.registry import Component, hookimpl
from torch import Tensor


@hookimpl
def pluxel_metrics() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_metrics:{one.__name__}", "x") for one in classes
    ]


class Good:
    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        right = batch.labeled & (batch.prediction == batch.target)
        every = [batch.pixels_by_class(batch.target, where) for where in (right, batch.labeled)]
        return torch.stack(every, -1)

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        right, labeled = total.double().unbind(-1)
        return {"recall": right / labeled, "errors": (labeled - right).sum(-1)}

    lower_is_better = ("errors",)


class ComparesImages(Good):
    caught_by = "single_images"

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        return super().statistics(batch) + (len(batch) - 1) * super().statistics(batch)


class ScoresAllAsOne(Good):
    caught_by = "several_sums"

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        found = super().scores(total)
        return found | {"errors": found["errors"] + found["errors"].mean()}


class CountsIgnored(Good):
    caught_by = "ignored_pixels"
    also: ClassVar = {"nothing_labeled"}

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        known = batch.prediction.where(~batch.labeled, 0)
        extra = batch.pixels_by_class(known, ~batch.labeled)
        found = super().statistics(batch)
        found[..., 1] += extra
        return found


class CountsImages(Good):
    caught_by = "nothing_labeled"

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        # Every image adds one, whether it has a label or not.
        return super().scores(total[..., :2]) | {"errors": total[..., 2].sum(-1).double()}

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        found = super().statistics(batch)
        wrong = (found[..., 1] - found[..., 0] + 1)[..., None]
        return torch.cat([found, wrong], -1)


class NeedsTwoRows(Good):
    caught_by = "single_pixel"

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        rows = batch.target.shape[1] - 1
        return super().statistics(batch).double() / rows * rows


class ReadsAValue(Good):
    caught_by = "devices"

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        return super().statistics(batch) * int(batch.labeled.sum().item() >= 0)


class PrefersTheFirst(Good):
    caught_by = "class_permutation"

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        right, labeled = total.double().unbind(-1)
        weights = torch.linspace(1, 0.5, right.shape[-1], dtype=torch.float64)
        return {"recall": weights * right / labeled}


class CallsErrorsGood(Good):
    caught_by = "improves"
    lower_is_better = ()
