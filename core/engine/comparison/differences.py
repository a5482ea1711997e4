"""What a comparison of runs finds: differences of scores, with intervals, and of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from string import ascii_uppercase
from typing import Any

import numpy as np

from ...common.numerics import finite_or_none
from ..evaluation.bootstrap import Blocks, Interval
from .common_part import EvaluatedRun


@dataclass(frozen=True)
class ScoreDifference:
    """A score of two runs. ``values``: of both; NaN if undefined.

    ``difference``: the second minus the first, with its interval. ``better``: the probability that
    the second is better; None if undefined.
    """

    values: tuple[float, float]
    difference: Interval
    better: float | None

    @property
    def is_equal(self) -> bool:
        """Whether both runs have the same value, or neither has one."""
        return np.array_equal(*map(np.array, self.values), equal_nan=True)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; undefined ones are None."""
        return {
            "values": [finite_or_none(value) for value in self.values],
            "difference": finite_or_none(self.difference.value),
            "interval": [self.difference.low, self.difference.high],
            "probability_better": self.better,
        }


@dataclass(frozen=True)
class ImageDifference:
    """The mean IoU of an image in two runs. ``rows``: of the image in their statistics."""

    name: str
    values: tuple[float, float]
    rows: tuple[int, int]


@dataclass(frozen=True)
class HeadComparison:
    """Two runs on one head: score -> difference; class -> score -> difference; images.

    ``images``: those whose mean IoU differs most, the largest difference first.
    """

    overall: Mapping[str, ScoreDifference]
    per_class: Mapping[str, Mapping[str, ScoreDifference]]
    images: Sequence[ImageDifference]

    @property
    def is_equal(self) -> bool:
        """Whether all scores of both runs are equal."""
        of_classes = chain.from_iterable(found.values() for found in self.per_class.values())
        return all(one.is_equal for one in (*self.overall.values(), *of_classes))


SEEDS = (
    "The intervals cover the choice of images, not randomness in training: runs with the same "
    "configuration and different seeds can differ as much. Even without a true difference, about "
    "one interval in 20 excludes 0."
)


@dataclass(frozen=True)
class Comparison:
    """Runs compared with the first of them.

    ``configuration``: dotted key -> the value of each run, for those that differ. ``heads``: for
    each run but the first, head -> comparison. ``notes``: what is missing or unusual.
    """

    split: str
    runs: Sequence[EvaluatedRun]
    images: int
    blocks: Blocks
    samples: int
    seed: int
    configuration: Mapping[str, Sequence[Any]]
    heads: Sequence[Mapping[str, HeadComparison]]
    notes: Sequence[str]

    @property
    def letters(self) -> list[str]:
        """What stands for each run: a letter, or a number after Z."""
        numbers = range(len(ascii_uppercase) + 1, len(self.runs) + 1)
        return [*ascii_uppercase, *(f"run {number}" for number in numbers)][: len(self.runs)]

    @property
    def cautions(self) -> list[str]:
        """What the intervals do not say."""
        return [*filter(None, [self.blocks.caution, SEEDS])]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "split": self.split,
            "runs": [{"run": str(o.directory), "step": o.kept.step} for o in self.runs],
            "images": self.images,
            "blocks": {"count": self.blocks.count, "description": self.blocks.description},
            "samples": self.samples,
            "seed": self.seed,
            "notes": [*self.notes],
            "cautions": self.cautions,
            "configuration": {key: [*values] for key, values in self.configuration.items()},
            "comparisons": [
                {
                    "baseline": str(self.runs[0].directory),
                    "run": str(one.directory),
                    "heads": {head: _head_json(found) for head, found in heads.items()},
                }
                for one, heads in zip(self.runs[1:], self.heads, strict=True)
            ],
        }


def _head_json(head: HeadComparison) -> dict[str, Any]:
    return {
        "overall": {name: one.to_json() for name, one in head.overall.items()},
        "per_class": {
            name: {score: one.to_json() for score, one in found.items()}
            for name, found in head.per_class.items()
        },
        "images": [
            {"name": one.name, "mean_iou": [finite_or_none(value) for value in one.values]}
            for one in head.images
        ],
    }
