"""Metrics of a configuration: in results, names, monitor, and the errors of wrong ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pluxel.core import load_config
from pluxel.core.config.sections.factory import Factory
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.evaluation.evaluation import Evaluation
from pluxel.core.engine.evaluation.measures import build_measures
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row
from pluxel.core.engine.evaluation.table import table
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.monitor import TrainingProgress, check_monitor, is_improvement
from pluxel.registry import PluxelError

METRICS = "evaluation.metrics=[dice, boundary_iou, {type: calibration, bins: 5}, per_image]"
OVERALL = ["dice", "boundary_iou", "calibration_error", "per_image_mean_iou"]


def evaluate(experiment) -> Evaluation:
    torch.manual_seed(0)
    for parameter in experiment.model.parameters():
        parameter.data.normal_()
    return experiment.evaluate(experiment.model, "val")


def check(experiment: Experiment) -> None:
    check_monitor(experiment.config, experiment.spaces)


def test_results_have_the_scores_of_split_classes_and_images(make) -> None:
    plain = evaluate(make(name="plain")).to_json()["heads"]["semantic"]
    evaluation = evaluate(make(METRICS))
    found = evaluation.to_json()["heads"]["semantic"]
    assert [*found["overall"]] == [*plain["overall"], *OVERALL]
    assert [*found["per_class"]["square"]] == ["iou", "accuracy", "dice", "boundary_iou"]
    for one in found["per_class"].values():  # Dice follows from IoU
        assert one["dice"] == pytest.approx(2 * one["iou"] / (1 + one["iou"]))
    defined = [one["dice"] for one in found["per_class"].values() if one["dice"] is not None]
    assert found["overall"]["dice"] == pytest.approx(np.mean(defined))
    images = found["per_image"]
    assert [row["per_image_mean_iou"] for row in images] == pytest.approx(
        [row["mean_iou"] for row in images]
    )
    mean = np.mean([row["mean_iou"] for row in images])
    assert found["overall"]["per_image_mean_iou"] == pytest.approx(mean)
    assert found["mean_over_images"]["per_image_mean_iou"] == pytest.approx(mean)
    calibration = [row["calibration_error"] for row in images]
    assert found["mean_over_images"]["calibration_error"] == pytest.approx(np.mean(calibration))
    assert "mean_over_images" not in plain
    scalars = evaluation.scalars("val")
    assert scalars["val/dice/square"] == found["per_class"]["square"]["dice"]
    assert scalars["val/calibration_error"] == found["overall"]["calibration_error"]


def test_the_table_shows_them(make) -> None:
    results = evaluate(make(METRICS)).to_json() | {"split": "val", "step": 0}
    lines = table(results).splitlines()
    titles = ["Dice", "Boundary IoU", "calibration error", "per image mean IoU"]
    assert [line[:24].rstrip() for line in lines[4:8]] == titles
    dice = results["heads"]["semantic"]["overall"]["dice"]
    assert lines[4] == f"{'Dice':<24}{100 * dice:6.1f}"
    head = next(line for line in lines if line.startswith("class"))
    assert head.split() == ["class", "IoU", "accuracy", "Dice", "Boundary", "IoU"]


def test_batch_size_does_not_change_them(make) -> None:
    one, three = (
        evaluate(make(METRICS, f"evaluation.batch_size={size}", name=f"by {size}")).to_json()
        for size in (1, 3)
    )
    found, expected = (each["heads"]["semantic"]["overall"] for each in (one, three))
    assert found == pytest.approx(expected, rel=1e-6)
    error = "calibration_error"  # of probabilities, which depend on the batch in the last digit
    assert {**found, error: 0} == {**expected, error: 0}


@pytest.mark.parametrize("monitor", ["val/dice", "val/dice/square", "val/boundary_iou"])
def test_monitor_takes_them(make, host, tmp_path, monitor: str) -> None:
    check(make(METRICS, f"training.monitor={monitor}"))


def test_monitor_suggests_them(make) -> None:
    with pytest.raises(ConfigError, match=r"unknown metric 'val/dise'\. Did you mean 'val/dice'\?"):
        check(make(METRICS, "training.monitor=val/dise"))
    with pytest.raises(ConfigError, match="unknown metric 'val/dice'"):
        check(make("training.monitor=val/dice"))


@pytest.mark.parametrize(
    ("monitor", "heads", "found"),
    [
        ("val/calibration_error", ["semantic"], [True, False, True]),
        ("val/b/calibration_error", ["a", "b"], [True, False, True]),
        ("val/dice/calibration_error", ["semantic"], [True, True, False]),  # a class
        ("val/b/dice", ["a", "b"], [True, True, False]),
    ],
)
def test_lower_errors_are_better(make, monitor: str, heads: list[str], found: list[bool]) -> None:
    options = make(METRICS).config.pipeline.training.model_copy(update={"monitor": monitor})
    progress = TrainingProgress()
    errors = evaluate(make(METRICS)).lower_is_better()
    assert errors == {"calibration_error"}
    assert found == [
        is_improvement(progress, options, {monitor: value}, heads, errors)
        for value in (0.3, 0.4, 0.2)
    ]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (
            "[dice, dice]",
            "metric 'dice' reports 'dice', as does metric 'dice': remove it, or set its name if it "
            "has such a parameter",
        ),
        (
            "[{type: boundary_iou, name: mean_iou}]",
            "metric 'boundary_iou' reports 'mean_iou', as does the evaluation itself: remove it, "
            "or set its name if it has such a parameter",
        ),
        (
            "[{type: boundary_iou, name: Wide}]",
            "metric 'boundary_iou' of plugin pluxel cannot be used: 'Wide' is not a valid name of "
            "a score: use lowercase letters, digits and '_', starting with a letter",
        ),
        ("[dise]", "unknown metric 'dise'. Did you mean 'dice'?"),
        ("[{type: calibration, bins: 0}]", "expected a number of at least 1, not 0"),
    ],
)
def test_wrong_lists_are_errors_at_their_place(make, metrics: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(make(f"evaluation.metrics={metrics}"))
    assert message in str(caught.value)
    assert str(caught.value).startswith("override 'evaluation.metrics=")


class Wrong:
    """A metric that does what a test says."""

    def __init__(self, rows, scores=None) -> None:
        self.rows, self.found = rows, scores or (lambda total: {"x": total.sum(-1).double()})

    def statistics(self, batch):
        return self.rows(batch)

    def scores(self, total):
        return self.found(total)


def ints(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.int64)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (Wrong(lambda b: 3), "cannot be used: 'statistics' returned int, not a tensor"),
        (
            Wrong(lambda b: torch.ones(len(b), 2)),
            "cannot be used: 'statistics' returned torch.float32, not int64 or float64",
        ),
        (
            Wrong(lambda b: ints(len(b) + 1, 2)),
            "cannot be used: 'statistics' returned the shape (2, 2) for 1 image: it must have one "
            "row for each",
        ),
        (Wrong(lambda b: 1 // 0), "failed (ZeroDivisionError: integer division or modulo by zero)"),
        (
            Wrong(lambda b: ints(len(b), 2), lambda t: {"x": ints(7)}),
            "cannot be used: score 'x' has the shape (7,) for 1 sums and 2 classes, not (1,) or "
            "(1, 2)",
        ),
    ],
)
def test_a_metric_that_violates_its_contract_is_named(make, monkeypatch, metric, message) -> None:
    experiment = make("evaluation.metrics=[dice]")
    monkeypatch.setattr(Factory, "__call__", lambda self, **wiring: metric)
    with pytest.raises(ConfigError) as caught:
        build_measures(experiment.config, experiment.spaces)
    assert str(caught.value).endswith(f"metric 'dice' of plugin pluxel {message}")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            lambda b: ints(len(b), b.target.shape[1]),
            "metric 'dice' returned statistics of shape (20,) for one image and (8,) for another, "
            "so they cannot be added",
        ),
        (
            lambda b: torch.full((len(b), 1), math.nan if b.target.shape[1] > 8 else 1).double(),
            "metric 'dice' returned statistics that are not finite",
        ),
    ],
)
def test_what_cannot_be_added_is_refused(make, monkeypatch, rows, message: str) -> None:
    experiment = make("evaluation.metrics=[dice]")
    real = Factory.__call__

    def built(self, **wiring):
        return Wrong(rows) if self.kind == "metric" else real(self, **wiring)

    monkeypatch.setattr(Factory, "__call__", built)
    with pytest.raises(PluxelError) as caught:
        evaluate(experiment)
    assert caught.value.message == message


def test_probabilities_are_computed_only_if_asked_for(make, monkeypatch) -> None:
    from pluxel.core.engine.evaluation import measures  # noqa: PLC0415

    calls: list[str] = []
    real = measures.resampled_confidence
    monkeypatch.setattr(
        measures, "resampled_confidence", lambda *a: (calls.append("confidence"), real(*a))[1]
    )
    monkeypatch.setattr(measures, "resampled_predictions", lambda *a, **k: calls.append("all"))
    none = "evaluation.metrics=[dice, per_image, boundary_iou]"
    evaluate(make(none, "evaluation.details=false"))
    assert calls == []
    evaluate(make("evaluation.metrics=[calibration]", "evaluation.batch_size=100", name="other"))
    assert calls == ["confidence"] * 2  # one batch for each of two sizes


def test_a_run_keeps_its_metrics_and_their_defaults(make, host, tmp_path) -> None:
    config = make("evaluation.metrics=[dice, boundary_iou]").config
    path = tmp_path / "config.yaml"
    path.write_text(config.dump())
    assert "evaluation.metrics.1.pixels" in path.read_text()  # a default, as nobody set it
    again = load_config(path, host=host)
    assert again.pipeline.evaluation.metrics == config.pipeline.evaluation.metrics


def test_sums_of_rows_are_exact() -> None:
    generator = np.random.default_rng(0)
    dense = generator.integers(0, 3, (6, 4, 3)) * (2**60 // 5)
    rows = ImageRows.stacked([sparse_row(one) for one in dense], (4, 3), np.int64)
    np.testing.assert_array_equal(rows.dense(slice(1, 5)), dense[1:5])
    np.testing.assert_array_equal(rows.total(), dense.sum(0))
    groups = np.array([0, 2, 2, 0])
    found = rows.sums(groups, 3, np.array([5, 0, 1, 3]))
    np.testing.assert_array_equal(found, [dense[5] + dense[3], dense[5] * 0, dense[0] + dense[1]])
    empty = ImageRows.stacked([], (4, 3), np.float64)
    assert (len(empty), empty.total().tolist()) == (0, np.zeros((4, 3)).tolist())
