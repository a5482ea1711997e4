"""Intervals of scores and of their differences, by resampling blocks of images.

A score is a function of sums over images, so a resample is a vector of weights: how often each
block is drawn. The same weights for two runs make the bootstrap paired (Efron & Tibshirani 1993).
Images of one video are alike, so blocks of neighbors are drawn in place of images (Künsch 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from scipy import stats

from ...common.text import plural

LEVEL = 0.95
MOST_BLOCKS = 1000
"""More blocks cost time and memory, and hardly change an interval."""

FEWEST_BLOCKS = 20
"""Groups that are fewer are cut into runs of neighbors: they say too little about chance."""

ONE_GROUP = (
    "All images belong to one group of the dataset, such as one video, so the intervals do not "
    "cover other scenes."
)

_CHUNK = 1 << 22
"""Draws at once, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """The block of each image, 0 … ``count`` − 1, and how the blocks were made, for people.

    ``caution``: what their intervals do not cover; empty if nothing is special.
    """

    of_image: np.ndarray
    count: int
    description: str
    caution: str = ""


def make_blocks(names: Sequence[str], groups: Sequence[str] = ()) -> Blocks:
    """Return blocks of images that are alike: the groups, or runs of neighboring names in them.

    ``names``: of the images. ``groups``: the group of each, empty if none are known. With at least
    `FEWEST_BLOCKS` groups, each is a block. Otherwise, a block is a run of 1.5 n^⅓ images with
    neighboring names, which does not cross the border of a group. If there are more than
    `MOST_BLOCKS`, some neighbors are joined.
    """
    known = [*groups] if any(groups) else [""] * len(names)
    order = sorted(range(len(names)), key=lambda index: (known[index], names[index]))
    sorted_groups = [known[index] for index in order]
    starts = [i for i, g in enumerate(sorted_groups) if not i or g != sorted_groups[i - 1]]
    sizes = np.diff([*starts, len(names)])
    length = max(1, round(1.5 * len(names) ** (1 / 3)))
    if len(starts) >= FEWEST_BLOCKS:
        in_order, description = np.repeat(np.arange(len(starts)), sizes), "groups of the dataset"
    else:
        counts = [max(1, ceil(size / length)) for size in sizes]
        runs = [
            first + np.arange(size) * count // size
            for first, size, count in zip(np.cumsum([0, *counts])[:-1], sizes, counts, strict=True)
        ]
        in_order = np.concatenate(runs) if runs else np.zeros(0, np.int64)
        neighbors = f"runs of up to {length} images with neighboring names"
        within = f", within {plural(len(starts), 'group')} of the dataset" if any(groups) else ""
        description = (neighbors if length > 1 else "single images") + within
    count = int(in_order[-1]) + 1 if len(in_order) else 0
    if count > MOST_BLOCKS:
        in_order, count = in_order * MOST_BLOCKS // count, MOST_BLOCKS
        description += f", joined to {MOST_BLOCKS} blocks"
    of_image = np.empty(len(names), np.int64)
    of_image[order] = in_order
    is_one_group = len(names) > 1 and any(groups) and len(starts) == 1
    return Blocks(of_image, count, description, ONE_GROUP if is_one_group else "")


def draw(blocks: int, samples: int, seed: int) -> np.ndarray:
    """Return how often each block is drawn in each resample, (samples, blocks) float64.

    Each row is multinomial: ``blocks`` draws with equal probabilities.
    """
    random = np.random.default_rng(seed)
    rows = max(1, _CHUNK // max(1, blocks))
    drawn = []
    for first in range(0, samples, rows):
        count = min(rows, samples - first)
        index = random.integers(blocks, size=(count, blocks))
        index += blocks * np.arange(count)[:, None]
        drawn.append(np.bincount(index.ravel(), minlength=count * blocks).reshape(count, blocks))
    return np.concatenate(drawn).astype(np.float64)


def resampled(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the sums of each resample, (samples, …), of the type of ``sums``.

    ``weights``: (samples, blocks). ``sums``: of each block, (blocks, …).
    """
    total = weights @ sums.reshape(len(sums), -1).astype(np.float64)
    # Sums of integers are whole numbers below 2⁵³, so float64 holds them exactly.
    return total.reshape(len(weights), *sums.shape[1:]).astype(sums.dtype)


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval, in the same unit; None if they are undefined."""

    value: float
    low: float | None
    high: float | None


def interval(value: float, samples: np.ndarray, blocks: int, level: float = LEVEL) -> Interval:
    """Return the expanded percentile interval of a value (Hesterberg 2015, section 5.1).

    Percentiles of resamples of n blocks are too narrow, as if the standard deviation were divided
    by n and the quantile were normal. The percentiles are moved outward to make up for both, by the
    quantile of Student's t. `benchmarks/bootstrap_coverage.py` compares it with the plain
    percentiles and with BCa. ``samples``: (samples,), NaN where the score is undefined. The ends
    are None for fewer than two blocks, and if over half of the resamples are undefined.
    """
    known = samples[~np.isnan(samples)]
    if blocks < 2 or len(known) * 2 < len(samples) or np.isnan(value) or not len(known):
        return Interval(value, None, None)
    quantile = stats.t.ppf((1 + level) / 2, blocks - 1) * sqrt(blocks / (blocks - 1))
    tail = float(stats.norm.cdf(-quantile))
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def probability_above_zero(samples: np.ndarray) -> float | None:
    """Return the fraction of differences above 0, ties half; None if all are undefined."""
    known = samples[~np.isnan(samples)]
    if not len(known):
        return None
    return float((known > 0).mean() + (known == 0).mean() / 2)
