"""Measure how often the 95 % interval of `pluxel compare` contains the true difference.

    python benchmarks/bootstrap_coverage.py [--runs 2000] [--samples 1000] [--seed 0]

Simulates pairs of runs: images with the right, labeled and predicted pixels of each class, where
run B makes fewer errors than run A. The true difference is that of a very large split. Frames of a
video share the difficulty of their scene, which changes slowly (an autoregressive process).
Prints a table of coverage by the number of images, by independence, and by kind of interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from pluxel.core.engine.evaluation.bootstrap import draw, interval, make_blocks, resampled
from scipy import stats

CLASSES = 5
LARGE = 200_000
"""Images whose difference counts as the true one."""

KINDS = ("expanded percentile", "percentile", "BCa")


def images(count: int, correlation: float, random: np.random.Generator) -> np.ndarray:
    """Return the counts of two runs, (2, images, CLASSES, 3).

    ``correlation``: of the difficulty of neighbors, 0 for independent images.
    """
    noise = random.normal(size=(count, CLASSES))
    scene = np.empty_like(noise)
    scene[0] = noise[0]
    for frame in range(1, count):
        scene[frame] = correlation * scene[frame - 1] + (1 - correlation**2) ** 0.5 * noise[frame]
    labeled = np.maximum(0, 1000 * (0.3 + scene + random.normal(size=scene.shape) / 2))
    runs = []
    for base in (1.0, 1.25):
        skill = base + 0.7 * scene + 0.4 * random.normal(size=scene.shape)
        right = labeled / (1 + np.exp(-skill))
        extra = 200 * np.exp(0.5 * random.normal(size=scene.shape) - base)
        runs.append(np.stack([right, labeled, right + extra], -1))
    return np.rint(np.array(runs)).astype(np.int64)


def mean_iou(total: np.ndarray) -> np.ndarray:
    """Return the mean IoU of counts (…, CLASSES, 3)."""
    right, labeled, predicted = np.moveaxis(total.astype(float), -1, 0)
    with np.errstate(invalid="ignore"):
        return np.nanmean(right / (labeled + predicted - right), -1)


def dice_of_the_first(total: np.ndarray) -> np.ndarray:
    """Return the Dice coefficient of one class."""
    right, labeled, predicted = np.moveaxis(total[..., 0, :].astype(float), -1, 0)
    return 2 * right / (labeled + predicted)


def ends(
    kind: str,
    value: float,
    samples: np.ndarray,
    left_out: Callable[[], np.ndarray],
    blocks: int,
) -> tuple[float, float]:
    """Return the ends of an interval; ``left_out``: differences without one block each."""
    if kind == "expanded percentile":
        found = interval(value, samples, blocks)
        assert found.low is not None
        assert found.high is not None
        return found.low, found.high
    tails = np.array([0.025, 0.975])
    if kind == "BCa":  # Efron 1987
        share = np.clip((samples < value).mean(), 1e-6, 1 - 1e-6)
        bias = stats.norm.ppf(share)
        around = left_out()
        away = around.mean() - around
        acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
        moved = bias + stats.norm.ppf(tails)
        tails = stats.norm.cdf(bias + moved / (1 - acceleration * moved))
    low, high = np.quantile(samples, tails)
    return float(low), float(high)


def coverage(
    count: int,
    correlation: float,
    score: Callable[[np.ndarray], np.ndarray],
    runs: int,
    samples: int,
    random: np.random.Generator,
) -> dict[str, float]:
    """Return the share of intervals of each kind that contain the true difference."""
    true = np.diff(score(images(LARGE, correlation, random).sum(1)))[0]
    names = [f"{index:06}" for index in range(count)]
    blocks = make_blocks(names)
    hits = dict.fromkeys(KINDS, 0)
    for run in range(runs):
        both = images(count, correlation, random)
        sums = np.zeros((2, blocks.count, CLASSES, 3), np.int64)
        for one, own in zip(sums, both, strict=True):
            np.add.at(one, blocks.of_image, own)
        weights = draw(blocks.count, samples, run)
        first, second = (score(resampled(weights, one)) for one in sums)
        value = np.diff(score(sums.sum(1)))[0]

        def left_out(sums: np.ndarray = sums) -> np.ndarray:
            return np.diff(score(sums.sum(1, keepdims=True) - sums), axis=0)[0]

        for kind in KINDS:
            low, high = ends(kind, value, second - first, left_out, blocks.count)
            hits[kind] += low <= true <= high
    return {kind: count / runs for kind, count in hits.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print(f"| images | correlation | blocks | score | {' | '.join(KINDS)} |")
    print("|---|---|---|---|---|---|---|")
    for correlation in (0.0, 0.5):
        for count in (50, 100, 400):
            for score in (mean_iou, dice_of_the_first):
                found = coverage(count, correlation, score, options.runs, options.samples, random)
                cells = " | ".join(f"{100 * found[kind]:.1f} %" for kind in KINDS)
                blocks = make_blocks([f"{index:06}" for index in range(count)]).count
                print(
                    f"| {count} | {correlation} | {blocks} | {score.__name__} | {cells} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
