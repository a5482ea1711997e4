"""What runs have in common: heads, classes, images and their ground truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....registry import PluxelError
from ..evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from ..evaluation.kept_results import read_results
from ..evaluation.measures import COUNTS
from ..trained import open_run

_SHOWN = 3
"""Names that a message lists."""

_CHUNK = 1000
"""Images to compare at once."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run and the statistics of its images on a split.

    ``overrides``: of its configuration, with which it was evaluated.
    """

    directory: Path
    kept: ImageStatistics
    overrides: Sequence[str] = ()


def open_evaluated(directory: Path, split: str) -> EvaluatedRun:
    """Return a run that was evaluated on a split.

    Raises: PluxelError without a run, and as `read_results` does.
    """
    results, kept = read_results(open_run(directory), split)
    return EvaluatedRun(directory, kept, results.get("overrides", ()))


@dataclass(frozen=True)
class CommonHead:
    """The names of the classes that all runs have, and of those of the background.

    ``background``: empty if the runs differ in it. ``is_whole``: whether no run has other classes.
    """

    classes: Sequence[str]
    background: Sequence[str]
    is_whole: bool


@dataclass(frozen=True, eq=False)
class CommonPart:
    """What the comparison is about, and ``notes`` on what it leaves out.

    ``images``: the indices of the images in each run, in one order. ``names``, ``groups``: of these
    images.
    """

    names: Sequence[str]
    groups: Sequence[str]
    images: Sequence[np.ndarray]
    heads: Mapping[str, CommonHead]
    notes: Sequence[str]


def common_part(runs: Sequence[EvaluatedRun], *, allow_partial: bool) -> CommonPart:
    """Return what all runs have in common.

    ``allow_partial``: compare the common part if heads, classes, images or their ground truth
    differ, with a note for each difference.

    Raises: PluxelError with the differences, or if nothing is common.
    """
    first = runs[0]
    heads, problems = _common_heads(runs)
    keys = [_numbered(one.kept.names) for one in runs]
    places = [{key: index for index, key in enumerate(own)} for own in keys]
    shared = [key for key in keys[0] if all(key in other for other in places)]
    problems += _unlike("images", runs, [one.kept.names for one in runs])
    is_same = _same_truth([[own[key] for key in shared] for own in places], runs, heads)
    same = [key for key, one in zip(shared, is_same, strict=True) if one]
    if unlike := [name for (name, _), one in zip(shared, is_same, strict=True) if not one]:
        problems.append(f"the ground truth of {_listed(unlike)} differs between the runs")
    if not same or not heads:
        what = "image with the same ground truth" if heads else "class"
        raise PluxelError(
            f"these runs have no {what} in common, so there is nothing to compare", problems
        )
    if problems and not allow_partial:
        raise PluxelError(
            f"these runs cannot be compared: {'; '.join(problems)}",
            ["--common compares what they have in common"],
        )
    groups = first.kept.groups or [""] * len(first.kept.names)
    return CommonPart(
        [name for name, _ in same],
        [groups[places[0][key]] for key in same],
        [np.array([own[key] for key in same]) for own in places],
        heads,
        [f"{problem}: left out" for problem in problems],
    )


def _common_heads(runs: Sequence[EvaluatedRun]) -> tuple[dict[str, CommonHead], list[str]]:
    """Return the heads with common classes, and all differences of heads in words."""
    heads = {}
    problems = [*_unlike("heads", runs, [one.kept.heads for one in runs])]
    for head in runs[0].kept.heads:
        if not all(head in one.kept.heads for one in runs):
            continue
        own = [one.kept.heads[head] for one in runs]
        lists = [one.class_names for one in own]
        hidden = [[one.class_names[at] for at in one.background] for one in own]
        problems += _unlike(f"classes of head '{head}'", runs, lists)
        problems += _unlike(f"background classes of head '{head}'", runs, hidden)
        if classes := [name for name in lists[0] if all(name in other for other in lists)]:
            background = hidden[0] if all({*one} == {*hidden[0]} for one in hidden) else ()
            is_whole = all({*names} == {*classes} for names in lists)
            heads[head] = CommonHead(classes, background, is_whole)
    return heads, problems


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Return each name with the number of equal names before it, which makes all unique."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def _same_truth(
    images: Sequence[Sequence[int]],
    runs: Sequence[EvaluatedRun],
    heads: Mapping[str, CommonHead],
) -> list[bool]:
    """Return whether each image has the same number of labeled pixels of each class in all runs.

    ``images``: the indices of the images in each run.
    """
    found: list[bool] = []
    for first in range(0, len(images[0]), _CHUNK):
        parts = [np.array(own[first : first + _CHUNK]) for own in images]
        same = np.ones(len(parts[0]), bool)
        for head, common in heads.items():
            labeled = [
                _labeled(one.kept.heads[head], part, common.classes)
                for one, part in zip(runs, parts, strict=True)
            ]
            for other in labeled[1:]:
                same &= (labeled[0] == other).all(1)
        found += same.tolist()
    return found


def _labeled(head: HeadImageStatistics, images: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the labeled pixels of images and classes, (images, classes)."""
    order = [[*head.class_names].index(name) for name in names]
    return head.rows[COUNTS].sums(np.arange(len(images)), len(images), images)[:, order, 1]


def _unlike(
    what: str, runs: Sequence[EvaluatedRun], names: Sequence[Iterable[str]]
) -> Iterator[str]:
    """Yield in words how the names that each run has differ from those of the first."""
    mine, *others = (Counter(iter(own)) for own in names)
    for other, theirs in zip(runs[1:], others, strict=True):
        parts = [
            f"only {run.directory} has {_listed([*more.elements()])}"
            for run, more in ((runs[0], mine - theirs), (other, theirs - mine))
            if more
        ]
        if parts:
            yield f"the {what} differ: {', and '.join(parts)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
