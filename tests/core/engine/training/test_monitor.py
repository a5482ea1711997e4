"""Select improvements, and stop early."""

from __future__ import annotations

import math

import pytest
from pluxel.core.config.sections.training import TrainingConfig
from pluxel.core.engine.training.monitor import TrainingProgress, has_waited_enough, is_improvement

HEADS = ("semantic",)


def options(**changes: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"steps": 10, **changes})


def improvements(
    values: list[float], heads: tuple[str, ...] = HEADS, **changes: object
) -> list[bool]:
    chosen = options(**changes)
    progress = TrainingProgress()
    scalars = ({str(chosen.monitor): value} for value in values)
    return [is_improvement(progress, chosen, each, heads) for each in scalars]


@pytest.mark.parametrize(
    ("monitor", "found"),
    [
        ("val/loss", [True, False, True]),
        ("val/mean_iou", [True, True, False]),
        ("val/iou/gloss", [True, True, False]),  # a class name that ends in loss
        ("val/iou/loss", [True, True, False]),
    ],
)
def test_mode_follows_from_the_metric(monitor: str, found: list[bool]) -> None:
    assert improvements([0.5, 0.7, 0.3], monitor=monitor) == found


@pytest.mark.parametrize(
    ("monitor", "found"),
    [
        ("val/loss", [True, False, True]),
        ("val/iou/loss", [True, False, True]),  # the loss of a head with the name of a metric
        ("val/second/loss", [True, False, True]),
        ("val/second/iou/loss", [True, True, False]),
    ],
)
def test_losses_of_several_heads_are_minimized(monitor: str, found: list[bool]) -> None:
    assert improvements([0.5, 0.7, 0.3], ("iou", "second"), monitor=monitor) == found


def test_mode_can_be_set() -> None:
    assert improvements([0.5, 0.3], monitor="val/mean_iou", mode="min") == [True, True]


def test_absent_class_does_not_change_progress() -> None:
    values = [math.nan, math.nan, 0.2, math.nan, 0.3]
    assert improvements(values, monitor="val/iou/pole") == [True, True, True, False, True]


def test_undefined_values_count_as_no_improvement() -> None:
    chosen = options(monitor="val/iou/pole", early_stop={"patience": 2})
    progress, found = TrainingProgress(), []
    for value in (math.nan, 0.5, math.nan, math.nan):
        is_improvement(progress, chosen, {"val/iou/pole": value}, HEADS)
        found.append((progress.waited, has_waited_enough(progress, chosen)))
    assert found == [(1, False), (0, False), (1, False), (2, True)]


def test_without_a_monitor_the_last_evaluation_wins() -> None:
    assert improvements([0.5, 0.1], monitor=None) == [True, True]


def test_small_gains_are_kept_but_do_not_extend_the_wait() -> None:
    chosen = options(monitor="val/mean_iou", early_stop={"patience": 2, "min_delta": 0.1})
    progress = TrainingProgress()
    found = []
    for value in (0.5, 0.55, 0.59):
        kept = is_improvement(progress, chosen, {"val/mean_iou": value}, HEADS)
        found.append((kept, has_waited_enough(progress, chosen)))
    assert found == [(True, False), (True, False), (True, True)]


def test_small_gains_accumulate() -> None:
    chosen = options(monitor="val/loss", early_stop={"patience": 3, "min_delta": 0.1})
    progress = TrainingProgress()
    waited = []
    for value in (0.9, 0.84, 0.78, 0.72, 0.66, 0.65):
        assert is_improvement(progress, chosen, {"val/loss": value}, HEADS)
        waited.append(progress.waited)
    assert waited == [0, 1, 0, 1, 0, 1]
