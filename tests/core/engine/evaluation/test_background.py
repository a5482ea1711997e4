"""The mean IoU without the classes of the background."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pluxel.core.engine.evaluation.metrics import SegmentationScores
from pluxel.core.engine.evaluation.table import table
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import PluxelError

GROUND = "evaluation.background=[ground]"
TWO = (
    "heads={semantic: {decoder: fcn32s, loss: cross_entropy}, "
    "halves: {target: halves, decoder: fcn32s, loss: cross_entropy}}"
)
COUNTS = np.array([[6, 2, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 3, 0]])
"""IoUs of 6/9, 1/4, 0 (a false alarm) and 0/3."""


@pytest.mark.parametrize(
    ("background", "mean"),
    [((0,), 1 / 12), ((1,), 2 / 9), ((0, 1), 0), ((3,), (2 / 3 + 1 / 4) / 3)],
)
def test_the_mean_leaves_out_the_background(background, mean) -> None:
    scores = SegmentationScores.of(COUNTS, background)
    assert scores.mean_iou_foreground == pytest.approx(mean)
    assert scores.overall()["mean_iou_foreground"] == scores.mean_iou_foreground
    assert scores.mean_iou == pytest.approx((2 / 3 + 1 / 4) / 4)


def test_there_is_no_such_score_without_a_background() -> None:
    assert SegmentationScores.of(COUNTS).mean_iou_foreground is None
    assert "mean_iou_foreground" not in SegmentationScores.of(COUNTS).overall()


def test_it_is_undefined_if_no_other_class_occurs() -> None:
    scores = SegmentationScores.of(np.array([[5, 0], [0, 0]]), (0,))
    assert scores.to_json(["ground", "square"])["overall"]["mean_iou_foreground"] is None


def test_it_is_in_the_results_and_can_be_monitored(train) -> None:
    run = train(GROUND, "training.monitor=val/mean_iou_foreground")
    head = json.loads(run.results_of("val").read_text())["heads"]["semantic"]
    square = head["per_class"]["square"]["iou"]
    assert head["overall"]["mean_iou_foreground"] == square != head["overall"]["mean_iou"]
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    logged = [row["val/mean_iou_foreground"] for row in rows if "val/mean_iou" in row]
    assert len(logged) == 2
    assert max(logged) == square


def test_only_heads_with_such_a_class_report_it(make) -> None:
    experiment = make(TWO, GROUND, "training.monitor=val/semantic/mean_iou_foreground")
    found = experiment.evaluate(experiment.model, "val").scalars("val")
    assert [name for name in found if "foreground" in name] == ["val/semantic/mean_iou_foreground"]
    check_training(experiment.prepared)
    with pytest.raises(PluxelError, match="unknown metric 'val/halves/mean_iou_foreground'"):
        Trainer(make(TWO, GROUND, "training.monitor=val/halves/mean_iou_foreground"))


@pytest.mark.parametrize(
    ("background", "message"),
    [
        ("[grund]", "unknown class 'grund'. Did you mean 'ground'?"),
        ("[ground, zzzz]", "unknown class 'zzzz'. Classes: ground, square."),
        ("[ground, square]", "background lists every class of head 'semantic'"),
    ],
)
def test_mistakes_are_found_before_training(make, background, message) -> None:
    for monitor in ("val/mean_iou", "null"):
        experiment = make(f"evaluation.background={background}", f"training.monitor={monitor}")
        with pytest.raises(PluxelError, match=re.escape(message)):
            check_training(experiment.prepared)
        with pytest.raises(PluxelError, match=re.escape(message)):
            Trainer(experiment)


def test_a_resumed_training_compares_by_the_same_measure(train, caplog) -> None:
    monitor = "training.monitor=val/mean_iou_foreground"
    train(GROUND, monitor)
    caplog.set_level("INFO")
    train("evaluation.background=[square]", monitor, "training.steps=7", resume=True)
    assert 'evaluation.background from ["ground"] to ["square"]' in caplog.text
    assert "evaluated again" in caplog.text


def test_it_is_in_the_table() -> None:
    scores = SegmentationScores.of(COUNTS, (0,))
    head = scores.to_json(["a", "b", "c", "d"])
    results = {"heads": {"semantic": head}, "loss": 1.0, "split": "val", "step": 3}
    lines = table(results).splitlines()
    assert lines[2:4] == ["mean IoU                  22.9", "mean IoU, foreground       8.3"]
    head["overall"].pop("mean_iou_foreground")
    assert "foreground" not in table(results)
