"""Blocks, resamples and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pluxel.core.engine.evaluation.bootstrap import (
    ONE_GROUP,
    draw,
    interval,
    make_blocks,
    probability_above_zero,
    resampled,
)
from scipy import stats


def names(count: int) -> list[str]:
    return [f"{index:06}" for index in range(count)]


def test_blocks_are_runs_of_neighboring_names() -> None:
    order = np.random.default_rng(0).permutation(27)
    shuffled = [names(27)[at] for at in order]
    blocks = make_blocks(shuffled)
    sizes = np.bincount(blocks.of_image)
    assert sizes.max() == 4
    by_name = [block for _, block in sorted(zip(shuffled, blocks.of_image, strict=True))]
    assert by_name == sorted(by_name)
    assert (blocks.count, sizes.sum()) == (len(sizes), 27)
    assert blocks.description == "runs of up to 4 images with neighboring names"


def test_blocks_do_not_cross_few_groups() -> None:
    groups = ["b"] * 50 + ["a"] * 3 + ["b"] * 47
    blocks = make_blocks(names(100), groups)
    of_groups = {(block, group) for block, group in zip(blocks.of_image, groups, strict=True)}
    assert len(of_groups) == blocks.count
    assert blocks.description.endswith("neighboring names, within 2 groups of the dataset")


def test_many_groups_are_blocks() -> None:
    groups = [f"g{index % 25:02}" for index in range(100)]
    blocks = make_blocks(names(100), groups)
    assert blocks.of_image.tolist() == [index % 25 for index in range(100)]
    assert (blocks.count, blocks.description) == (25, "groups of the dataset")


@pytest.mark.parametrize("grouped", [False, True])
def test_blocks_are_bounded(grouped: bool) -> None:
    groups = names(30_000) if grouped else ()
    blocks = make_blocks(names(30_000), groups)
    assert blocks.count <= 1000
    assert set(np.bincount(blocks.of_image)) == {30} if grouped else blocks.count > 500


def test_one_image_and_none() -> None:
    assert (make_blocks(["a"]).count, make_blocks([]).count) == (1, 0)


def test_one_group_is_a_caution() -> None:
    names = ["a", "b", "c"]
    assert make_blocks(names, ["x"] * 3).caution == ONE_GROUP
    assert [make_blocks(names, groups).caution for groups in ((), ["x", "x", "y"])] == ["", ""]


def test_draws_are_multinomial_and_repeatable() -> None:
    weights = draw(40, 3000, seed=3)
    assert (weights.sum(1) == 40).all()
    np.testing.assert_array_equal(weights, draw(40, 3000, seed=3))
    assert (weights != draw(40, 3000, seed=4)).any()
    assert weights.mean(0) == pytest.approx(np.ones(40), abs=0.1)
    assert weights.var() == pytest.approx(1 - 1 / 40, abs=0.02)


def test_resampled_sums_are_exact() -> None:
    sums = np.random.default_rng(0).integers(0, 2**40, (5, 2, 3))
    weights = draw(5, 7, 0)
    found = resampled(weights, sums)
    expected = [sum(int(w) * s for w, s in zip(row, sums, strict=True)).tolist() for row in weights]
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_the_interval_of_a_mean_is_that_of_student() -> None:
    values = np.linspace(-1, 1, 12)
    samples = resampled(draw(12, 200_000, 0), values[:, None])[:, 0] / 12
    found = interval(values.mean(), samples, 12)
    exact = stats.t.interval(0.95, 11, values.mean(), values.std(ddof=1) / math.sqrt(12))
    assert (found.low, found.high) == pytest.approx(exact, abs=0.04)
    plain = np.quantile(samples, [0.025, 0.975])
    assert found.low is not None
    assert found.low < plain[0]


@pytest.mark.parametrize(
    ("value", "samples", "blocks"),
    [
        (0.1, np.ones(9), 1),
        (math.nan, np.ones(9), 5),
        (0.1, np.array([1.0, math.nan, math.nan]), 5),
        (0.1, np.full(4, math.nan), 5),
    ],
)
def test_no_interval(value: float, samples: np.ndarray, blocks: int) -> None:
    found = interval(value, samples, blocks)
    assert (found.low, found.high) == (None, None)


def test_probability_counts_ties_half() -> None:
    assert probability_above_zero(np.array([1.0, 0.0, -1.0, 2.0])) == 0.625
    assert probability_above_zero(np.array([math.nan])) is None
    assert probability_above_zero(np.array([math.nan, 1.0])) == 1
