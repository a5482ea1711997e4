"""Compare runs on the same images: configurations, scores with intervals, and images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ....registry import Host
from ...common.nested import nested_differences
from ..evaluation.bootstrap import (
    Blocks,
    draw,
    interval,
    make_blocks,
    probability_above_zero,
    resampled,
)
from ..evaluation.head_scores import HeadScores
from ..evaluation.measures import COUNTS, MetricScores
from ..evaluation.scores import mean_iou_of_images
from ..run import Run
from ..trained import plain_config
from .common_part import CommonPart, EvaluatedRun, common_part, open_evaluated
from .differences import Comparison, HeadComparison, ImageDifference, ScoreDifference

SAMPLES = 2000


def compare(
    directories: Sequence[Path],
    split: str = "val",
    *,
    host: Host,
    samples: int = SAMPLES,
    seed: int = 0,
    allow_partial: bool = False,
    images: int = 5,
) -> Comparison:
    """Compare runs with the first one, on the images of a split that all were evaluated on.

    ``samples``: of the bootstrap, which ``seed`` makes repeatable. ``allow_partial``: compare what
    the runs have in common, if that is not everything. ``images``: how many to name.

    Raises: PluxelError for a run without results or without statistics of images, and for runs
    whose images, ground truth, heads or classes differ.
    """
    runs = [open_evaluated(directory, split) for directory in directories]
    part = common_part(runs, allow_partial=allow_partial)
    blocks = make_blocks(part.names, part.groups)
    notes = [*part.notes, *_cautions(runs, blocks, len(part.names))]
    weights = draw(blocks.count, samples, seed)
    heads = []
    for number, other in enumerate(runs[1:], 1):
        pair = _Pair((runs[0], other), (part.images[0], part.images[number]), part, blocks)
        notes += pair.unshared_metrics()
        heads.append({head: pair.compared(head, weights, host, images) for head in part.heads})
        notes += pair.notes
    return Comparison(
        split,
        runs,
        len(part.names),
        blocks,
        samples,
        seed,
        _configurations(directories),
        heads,
        notes,
    )


def _cautions(runs: Sequence[EvaluatedRun], blocks: Blocks, images: int) -> list[str]:
    found = [
        f"{one.directory} may still be training: its results are of step {one.kept.step}"
        for one in runs
        if Run(one.directory).is_training()
    ]
    if blocks.count < 2:
        number = "one image" if images == 1 else "one block of images"
        found.append(f"there is only {number}, so no interval says how sure the differences are")
    return found


def _configurations(directories: Sequence[Path]) -> dict[str, list[Any]]:
    plains = [plain_config(Run(directory)) for directory in directories]
    paths = dict.fromkeys(
        path for other in plains[1:] for path, _ in nested_differences(plains[0], other)
    )
    return {".".join(path): [_at(one, path) for one in plains] for path in paths}


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two runs. ``images``: the indices of the common images in each.

    ``notes``: what the comparison of heads left out.
    """

    runs: tuple[EvaluatedRun, EvaluatedRun]
    images: tuple[np.ndarray, np.ndarray]
    part: CommonPart
    blocks: Blocks
    notes: list[str] = field(default_factory=list)

    def compared(self, head: str, weights: np.ndarray, host: Host, count: int) -> HeadComparison:
        """Return the comparison of one head; ``count``: of images to name."""
        keys, common = self._shared_metrics(head), self.part.heads[head]
        scored, sampled, of_images = [], [], []
        errors: frozenset[str] = frozenset()
        unavailable: dict[str, None] = {}
        for at in (0, 1):
            own = self.runs[at].kept.heads[head]
            scores = HeadScores.of(
                own,
                {new: pair[at] for new, pair in keys.items()},
                host,
                classes=common.classes,
                background=common.background,
                is_whole=common.is_whole,
            )
            sums = {
                new: own.rows[key].sums(self.blocks.of_image, self.blocks.count, self.images[at])
                for new, key in [(COUNTS, COUNTS), *((n, p[at]) for n, p in keys.items())]
                if key in own.rows
            }
            errors |= scores.errors
            unavailable |= {
                f"metric '{key}' of head '{head}' is left out: {reason}": None
                for key, reason in scores.unavailable.items()
            }
            scored.append(scores({key: one.sum(0, keepdims=True) for key, one in sums.items()}))
            sampled.append(scores({key: resampled(weights, one) for key, one in sums.items()}))
            of_images.append(mean_iou_of_images(own.rows[COUNTS], self.images[at], scores.classes))
        self.notes.extend(unavailable)
        overall = {
            name: self._difference(
                (scored[0].overall[name][0], scored[1].overall[name][0]),
                (sampled[0].overall[name], sampled[1].overall[name]),
                is_error=name in errors,
            )
            for name in self._shared_scores(head, [one.overall for one in scored])
        }
        return HeadComparison(
            overall, self._classes(head, scored, sampled, errors), self._most(of_images, count)
        )

    def _shared_scores(self, head: str, found: Sequence[Mapping[str, np.ndarray]]) -> list[str]:
        """Return the scores that both runs have, and note the others."""
        for at in (0, 1):
            if more := [name for name in found[at] if name not in found[1 - at]]:
                self.notes.append(
                    f"scores of head '{head}' that only {self.runs[at].directory} has: "
                    f"{', '.join(more)}"
                )
        return [name for name in found[0] if name in found[1]]

    def _classes(
        self,
        head: str,
        scored: Sequence[MetricScores],
        sampled: Sequence[MetricScores],
        errors: Collection[str],
    ) -> dict[str, dict[str, ScoreDifference]]:
        return {
            name: {
                score: self._difference(
                    (scored[0].per_class[score][0, at], scored[1].per_class[score][0, at]),
                    (sampled[0].per_class[score][:, at], sampled[1].per_class[score][:, at]),
                    is_error=score in errors,
                )
                for score in scored[0].per_class
                if score in scored[1].per_class
            }
            for at, name in enumerate(self.part.heads[head].classes)
        }

    def _difference(
        self, values: tuple[float, float], samples: tuple[np.ndarray, np.ndarray], *, is_error: bool
    ) -> ScoreDifference:
        first, second = map(float, values)
        differences = samples[1] - samples[0]
        found = interval(second - first, differences, self.blocks.count)
        better = probability_above_zero(-differences if is_error else differences)
        if found.low is None:
            better = None
        return ScoreDifference((first, second), found, better)

    def _most(self, values: Sequence[np.ndarray], count: int) -> list[ImageDifference]:
        """Return the images whose mean IoU differs most, one of each block."""
        distance = np.nan_to_num(np.abs(values[1] - values[0]), nan=-1)
        most: dict[int, int] = {}
        for at in np.argsort(-distance, kind="stable").tolist():
            if distance[at] > 0:
                most.setdefault(int(self.blocks.of_image[at]), at)
        return [
            ImageDifference(
                self.part.names[at],
                (float(values[0][at]), float(values[1][at])),
                (int(self.images[0][at]), int(self.images[1][at])),
            )
            for at in islice(most.values(), count)
        ]

    def _shared_metrics(self, head: str) -> dict[str, tuple[str, str]]:
        """Return key -> its keys in both runs, of metrics with equal parameters."""
        one, other = (run.kept.heads[head].metrics for run in self.runs)
        return {
            key: (key, its)
            for key, section in one.items()
            for its, theirs in other.items()
            if section == theirs
        }

    def unshared_metrics(self) -> list[str]:
        """Return a note for each run that has metrics which the other lacks."""
        notes = []
        for at in (0, 1):
            own = {
                key
                for head in self.part.heads
                for key in self.runs[at].kept.heads[head].metrics
                if all(pair[at] != key for pair in self._shared_metrics(head).values())
            }
            if own:
                notes.append(
                    f"metrics of {self.runs[at].directory} that {self.runs[1 - at].directory} "
                    f"lacks, or has with other parameters: {', '.join(sorted(own))}"
                )
        return notes
