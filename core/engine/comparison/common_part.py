"""What runs have in common: heads, classes, images and their ground truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....registry import PluxelError
from ...common.files import is_missing_file, read_json
from ..evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from ..evaluation.measures import COUNTS
from ..trained import open_run

_SHOWN = 3
"""Names that a message lists."""

_CHUNK = 1000
"""Images to compare at once."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run and the statistics of its images on a split."""

    directory: Path
    kept: ImageStatistics


def open_evaluated(directory: Path, split: str) -> EvaluatedRun:
    """Return a run that was evaluated on a split.

    Raises: PluxelError without a run, without results on the split, and for results that do not
    include the statistics of each image.
    """
    run = open_run(directory)
    again = f"pluxel evaluate {directory} --split {split}"
    results = read_json(run.results_of(split))
    if not isinstance(results, dict):
        raise PluxelError(f"{directory} has no results on '{split}' yet: {again}")
    try:
        kept = ImageStatistics.read(run.statistics_of(split))
    except PluxelError as error:
        if not is_missing_file(error):
            error.notes = (*error.notes, f"to write it again: {again}")
            raise
        raise PluxelError(
            f"the results of {directory} on '{split}' lack the counts of each image, because "
            f"an older version wrote them: {again}"
        ) from error
    if kept.step != results.get("step") or kept.split != split:
        raise PluxelError(
            f"{run.statistics_of(split)} and {run.results_of(split).name} are of different "
            f"evaluations: {again}"
        )
    return EvaluatedRun(directory, kept)


@dataclass(frozen=True, eq=False)
class CommonPart:
    """What the comparison is about, and ``notes`` on what it leaves out.

    ``images``: the indices of the images in each run, in one order. ``names``, ``groups``: of these
    images. ``classes``: head -> names of the classes.
    """

    names: Sequence[str]
    groups: Sequence[str]
    images: Sequence[np.ndarray]
    classes: Mapping[str, Sequence[str]]
    notes: Sequence[str]


def common_part(runs: Sequence[EvaluatedRun], *, allow_partial: bool) -> CommonPart:
    """Return what all runs have in common.

    ``allow_partial``: compare the common part if heads, classes, images or their ground truth
    differ, with a note for each difference.

    Raises: PluxelError with the differences, or if nothing is common.
    """
    problems: list[str] = []
    first = runs[0]
    heads = [head for head in first.kept.heads if all(head in one.kept.heads for one in runs)]
    for one in runs[1:]:
        problems += _unlike("heads", first, one, first.kept.heads, one.kept.heads)
    classes: dict[str, Sequence[str]] = {}
    for head in heads:
        lists = [one.kept.heads[head].class_names for one in runs]
        classes[head] = [name for name in lists[0] if all(name in other for other in lists)]
        for one, names in zip(runs[1:], lists[1:], strict=True):
            problems += _unlike(f"classes of head '{head}'", first, one, lists[0], names)
    keys = [_numbered(one.kept.names) for one in runs]
    places = [{key: index for index, key in enumerate(own)} for own in keys]
    shared = [key for key in keys[0] if all(key in other for other in places)]
    for one, own in zip(runs[1:], keys[1:], strict=True):
        names = ([name for name, _ in each] for each in (keys[0], own))
        problems += _unlike("images", first, one, *names)
    is_same = _same_truth([[own[key] for key in shared] for own in places], runs, classes)
    same = [key for key, one in zip(shared, is_same, strict=True) if one]
    if unlike := [name for (name, _), one in zip(shared, is_same, strict=True) if not one]:
        problems.append(f"the ground truth of {_listed(unlike)} differs between the runs")
    if problems and not allow_partial:
        raise PluxelError(
            f"these runs cannot be compared: {'; '.join(problems)}",
            ["--common compares what they have in common"],
        )
    if not same or not any(classes.values()):
        what = "image with the same ground truth" if any(classes.values()) else "class"
        raise PluxelError(f"these runs have no {what} in common, so there is nothing to compare")
    groups = first.kept.groups or [""] * len(first.kept.names)
    return CommonPart(
        [name for name, _ in same],
        [groups[places[0][key]] for key in same],
        [np.array([own[key] for key in same]) for own in places],
        {head: names for head, names in classes.items() if names},
        [f"{problem}: left out" for problem in problems],
    )


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
    classes: Mapping[str, Sequence[str]],
) -> list[bool]:
    """Return whether each image has the same number of labeled pixels of each class in all runs.

    ``images``: the indices of the images in each run.
    """
    found: list[bool] = []
    for first in range(0, len(images[0]), _CHUNK):
        parts = [np.array(own[first : first + _CHUNK]) for own in images]
        same = np.ones(len(parts[0]), bool)
        for head, names in classes.items():
            labeled = [
                _labeled(one.kept.heads[head], part, names)
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
    what: str, first: EvaluatedRun, other: EvaluatedRun, own: Iterable[str], its: Iterable[str]
) -> list[str]:
    """Return the difference of two sets of names in words, if there is one."""
    mine, theirs = Counter(iter(own)), Counter(iter(its))
    if mine == theirs:
        return []
    parts = [
        f"only {run.directory} has {_listed([*names.elements()])}"
        for run, names in ((first, mine - theirs), (other, theirs - mine))
        if names
    ]
    return [f"the {what} differ: {', and '.join(parts)}"]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
