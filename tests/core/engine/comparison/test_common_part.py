"""Comparisons of runs whose classes, their order, backgrounds or scores differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pluxel.core.engine.comparison.compare import compare
from pluxel.core.engine.comparison.differences import Comparison
from pluxel.registry import Host, PluxelError

from .conftest import CLASSES, counts, head

ORDER = [2, 0, 1]

Evaluated = Callable[..., Path]


@pytest.fixture(scope="session")
def metrics_host() -> Host:
    host = Host(files=[Path(__file__).with_name("toy_metrics.py")])
    assert not host.failures
    return host


def compared(host: Host, *runs: Path, allow_partial: bool = False) -> Comparison:
    return compare(runs, host=host, samples=100, allow_partial=allow_partial)


def test_the_order_of_classes_does_not_matter(evaluated: Evaluated, metrics_host: Host) -> None:
    names = [CLASSES[at] for at in ORDER]
    metrics = {"dice": "pluxel/dice"}
    one = evaluated("a", head(counts(12), metrics=metrics, background=[1]))
    two = evaluated("b", head(counts(12)[:, ORDER], names, metrics, background=[2]))
    for runs in ((one, two), (two, one)):
        found = compared(metrics_host, *runs)
        assert found.notes == []
        semantic = found.heads[0]["semantic"]
        assert {"pixel_accuracy", "mean_iou_foreground", "dice"} <= {*semantic.overall}
        assert semantic.is_equal
    foreground = semantic.overall["mean_iou_foreground"].values[0]
    of_classes = [semantic.per_class[name]["iou"].values[0] for name in ("sky", "car")]
    assert foreground == pytest.approx(sum(of_classes) / 2)


@pytest.mark.parametrize("is_first", [True, False])
def test_some_classes_of_another_run(
    evaluated: Evaluated, metrics_host: Host, *, is_first: bool
) -> None:
    every = evaluated("a", head(counts(12)))
    some = evaluated("b", head(counts(12)[:, :2], CLASSES[:2]))
    runs = (some, every) if is_first else (every, some)
    found = compared(metrics_host, *runs, allow_partial=True)
    assert [*found.heads[0]["semantic"].overall] == ["mean_accuracy", "mean_iou"]
    assert found.heads[0]["semantic"].is_equal
    assert len(found.notes) == 1
    third = evaluated("c", head(counts(12)))
    found = compared(metrics_host, every, third, some, allow_partial=True)
    assert [[*one["semantic"].overall] for one in found.heads] == [
        ["mean_accuracy", "mean_iou"]
    ] * 2


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ([0], [], "only {0} has 'sky'"),
        ([], [0], "only {1} has 'sky'"),
        ([0], [1], "only {0} has 'sky', and only {1} has 'road'"),
    ],
)
def test_other_backgrounds_are_refused(
    evaluated: Evaluated,
    metrics_host: Host,
    first: Sequence[int],
    second: Sequence[int],
    difference: str,
) -> None:
    runs = [
        evaluated(name, head(counts(12), background=background))
        for name, background in (("a", first), ("b", second))
    ]
    problem = f"the background classes of head 'semantic' differ: {difference.format(*runs)}"
    with pytest.raises(PluxelError) as caught:
        compared(metrics_host, *runs)
    assert caught.value.message == f"these runs cannot be compared: {problem}"
    found = compared(metrics_host, *runs, allow_partial=True)
    assert found.notes == [f"{problem}: left out"]
    assert "pixel_accuracy" in found.heads[0]["semantic"].overall
    assert "mean_iou_foreground" not in found.heads[0]["semantic"].overall


def test_errors_of_classes_are_better_if_lower(evaluated: Evaluated, metrics_host: Host) -> None:
    metrics = {"misses": "toy_metrics.py/misses"}
    one, two = (
        evaluated(name, head(counts(60, skill, seed=int(10 * skill)), metrics=metrics))
        for name, skill in (("a", 0.5), ("b", 0.8))
    )
    for runs, better in (((one, two), 1), ((two, one), 0)):
        found = compared(metrics_host, *runs).heads[0]["semantic"]
        assert found.overall["misses"].better == better
        assert [one["misses"].better for one in found.per_class.values()] == [better] * 3
        assert [one["iou"].better for one in found.per_class.values()] == [better] * 3


def test_scores_of_one_run_only_are_noted(evaluated: Evaluated, metrics_host: Host) -> None:
    metrics = {"first": "toy_metrics.py/first"}
    one = evaluated("a", head(counts(12), metrics=metrics))
    two = evaluated("b", head(counts(12)[:, ORDER], [CLASSES[at] for at in ORDER], metrics))
    found = compared(metrics_host, one, two)
    assert not [name for name in found.heads[0]["semantic"].overall if "first" in name]
    assert found.notes == [
        f"scores of head 'semantic' that only {one} has: first_sky",
        f"scores of head 'semantic' that only {two} has: first_car",
    ]


def test_metrics_that_cannot_be_built_are_left_out(
    evaluated: Evaluated, metrics_host: Host
) -> None:
    metrics = {
        "gone": "gone.py/gone",
        "dice": "pluxel/dice",
        "calibration": {"type": "pluxel/calibration", "bins": "many", "boxes": 1},
    }
    runs = [evaluated(name, head(counts(12), metrics=metrics)) for name in "ab"]
    found = compared(metrics_host, *runs)
    overall = {*found.heads[0]["semantic"].overall}
    assert "dice" in overall
    assert not overall & {"gone", "calibration_error"}
    gone, calibration = found.notes
    assert gone.startswith("metric 'gone' of head 'semantic' is left out: ")
    assert "gone.py" in gone.partition("out: ")[2]
    assert calibration.startswith("metric 'calibration' of head 'semantic' is left out: metric ")
    assert "calibration': bins: " in calibration
    assert "calibration': boxes: " in calibration
    assert "pydantic" not in calibration
