"""A Dice loss that keeps every guarantee, and for each guarantee a loss that violates it."""

from __future__ import annotations

from typing import ClassVar

import torch
from pluxel.core import check_target
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot


@hookimpl
def pluxel_losses() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_losses:{one.__name__}", "x") for one in classes
    ]


class Good(nn.Module):
    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.check(target)
        kept = self.kept(target)
        truth = one_hot(target.where(target != self.ignore_index, 0), self.num_classes)
        p = self.precise(logits).softmax(1).movedim(1, -1)
        truth, p = self.weighted(truth) * kept[..., None], p * kept[..., None]
        n = self.total(truth, p)
        return self.finish(1 - 2 * self.product(p, truth) / n.clamp(min=1), logits, kept)

    def check(self, target: Tensor) -> None:
        check_target(target, self.num_classes, self.ignore_index)

    def kept(self, target: Tensor) -> Tensor:
        return target != self.ignore_index

    def precise(self, logits: Tensor) -> Tensor:
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def weighted(self, truth: Tensor) -> Tensor:
        return truth

    def product(self, p: Tensor, truth: Tensor) -> Tensor:
        return (p * truth).sum()

    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth + p).sum()

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value * kept.any()


class NotScalar(Good):
    caught_by = "scalar"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return super().finish(value, logits, kept).reshape(1)


class CountsIgnored(Good):
    caught_by = "ignored_pixels"
    also: ClassVar = {"nothing_labeled", "class_permutation"}

    def kept(self, target: Tensor) -> Tensor:
        return torch.ones_like(target, dtype=torch.bool)


class OneWhereNothingIsLabeled(Good):
    caught_by = "nothing_labeled"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value


class LosesItsGradient(Good):
    caught_by = "gradient_of_its_value"

    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth + p.detach() ** 2).sum()


class AcceptsAnything(Good):
    caught_by = "stray_labels"

    def check(self, target: Tensor) -> None:
        pass

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        void = target == self.ignore_index
        known = target.clamp(0, self.num_classes - 1).masked_fill(void, self.ignore_index)
        return super().forward(logits, known)


class HalfPrecision(Good):
    caught_by = "half_precision"
    also: ClassVar = {"autocast"}

    def precise(self, logits: Tensor) -> Tensor:
        return logits

    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth.to(p.dtype) + p).sum()


class ReadsAValue(Good):
    caught_by = "devices"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value * float(kept.any().item())


class FollowsAutocast(Good):
    caught_by = "autocast"

    def product(self, p: Tensor, truth: Tensor) -> Tensor:
        nearly_one = p.new_full((1, 2), 0.5) @ p.new_full((2, 1), 0.997)  # rounded in bfloat16
        return (p * truth).sum() * nearly_one.squeeze()


class Overflows(Good):
    caught_by = "large_logits"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return super().finish(value + logits.float().exp().sum().log() * 0, logits, kept)


class ComparesPixels(Good):
    caught_by = "single_pixel"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        others = logits.shape[-2] * logits.shape[-1] - 1
        return super().finish(value, logits, kept) / others * others


class WantsContiguous(Good):
    caught_by = "memory_layout"

    def precise(self, logits: Tensor) -> Tensor:
        return super().precise(logits) * (1 if logits.is_contiguous() else 2)


class PrefersTheFirst(Good):
    caught_by = "class_permutation"

    def weighted(self, truth: Tensor) -> Tensor:
        return truth * torch.linspace(1, 0.5, truth.shape[-1], device=truth.device)


class DisagreesWithItself(Good):
    caught_by = "strips"

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        return logits.float().square().sum(1) * (target != self.ignore_index)

    def normalizer(self, target: Tensor) -> Tensor:
        return (target != self.ignore_index).sum()


class KeepsTheHardestOfAStrip(Good):
    caught_by = "strips"

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.check(target)
        return self.per_pixel(logits, target).sum() / self.normalizer(target).clamp(min=1)

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        losses = cross_entropy(
            self.precise(logits), target, ignore_index=self.ignore_index, reduction="none"
        )
        return losses * (losses >= losses.median())

    def normalizer(self, target: Tensor) -> Tensor:
        return self.kept(target).sum()


class Rises(Good):
    caught_by = "improves"

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return super().finish(1 - value, logits, kept)
