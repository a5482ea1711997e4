"""Evaluation does not depend on the batch size, and counts only what is labeled."""

from __future__ import annotations

import math

import pytest
import torch
from pluxel.core import Pipeline, Sample
from pluxel.core.engine.evaluation.evaluation import Evaluation
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.model.objective import Objective
from pluxel.registry import PluxelError


def evaluate(experiment: Experiment) -> Evaluation:
    """Evaluate with random score layers, since new ones are zero and predict one class."""
    torch.manual_seed(0)
    for parameter in experiment.model.parameters():
        parameter.data.normal_()
    return experiment.evaluate(experiment.model, "val")


@pytest.mark.parametrize(
    "loss",
    [
        "{type: cross_entropy}",
        "{type: cross_entropy, reduction: sum}",
        "{type: cross_entropy, class_weights: auto}",
        "{type: dice}",
    ],
)
def test_batch_size_does_not_change_results(make, loss: str) -> None:
    one, three = (
        evaluate(make(f"loss={loss}", f"evaluation.batch_size={size}", name=f"by {size}")).to_json()
        for size in (1, 3)
    )
    assert one["loss"] == pytest.approx(three.pop("loss"), rel=1e-5)
    assert one.pop("loss") > 0
    assert one == three


def test_split_scores_are_the_sum_over_images(make) -> None:
    found = evaluate(make()).to_json()["heads"]["semantic"]
    assert found["pixels"] == sum(image["pixels"] for image in found["per_image"])
    right = sum(image["pixels"] * image["pixel_accuracy"] for image in found["per_image"])
    assert found["overall"]["pixel_accuracy"] == pytest.approx(right / found["pixels"])


def test_scores_that_are_not_finite_name_the_image(make) -> None:
    experiment = make()
    next(experiment.model.parameters()).data.fill_(torch.nan)
    with pytest.raises(PluxelError, match="^val0: the scores of the network are not finite"):
        experiment.evaluate(experiment.model, "val")


def test_split_without_readable_images_raises(make, monkeypatch) -> None:
    experiment = make("training.on_bad_sample=skip")

    def broken(self: object, index: int) -> None:
        raise PluxelError("cut off")

    monkeypatch.setattr(type(experiment.prepared.dataset("val")), "__getitem__", broken)
    with pytest.raises(PluxelError, match="no image of val could be evaluated"):
        evaluate(experiment)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_not_finite_is_null_in_json(make, value: float) -> None:
    experiment = make()
    experiment.objective = Objective({"semantic": lambda *_: torch.tensor(value)}, {"semantic": 1})
    found = evaluate(experiment)
    assert found.to_json()["loss"] is None
    assert not math.isfinite(found.scalars("val")["val/loss"])


def without_labels(monkeypatch, experiment: Experiment, target: str, *indices: int) -> None:
    """Let all pixels of some images have a raw id that the label map ignores."""
    kind = type(experiment.prepared.dataset("val"))
    read, ignored = kind.__getitem__, {"semantic": 9, "halves": 3}[target]

    def unlabeled(self: object, index: int) -> Sample:
        sample = read(self, index)
        if index in indices:
            sample.labels[target][:] = ignored
        return sample

    monkeypatch.setattr(kind, "__getitem__", unlabeled)


HEADS = """heads={
    semantic: {decoder: fcn32s, loss: cross_entropy},
    halves: {decoder: fcn32s, loss: cross_entropy, weight: 2, labels: {map: {3: ignore}}}}"""


@pytest.mark.parametrize("size", [1, 3])
def test_loss_is_the_mean_over_images_with_labels(make, monkeypatch, size: int) -> None:
    every = "splits.val=val[:6]", f"evaluation.batch_size={size}"
    some = evaluate(make("splits.val=val[1:5]", name="some"))
    experiment = make(*every)
    without_labels(monkeypatch, experiment, "semantic", 0, 5)
    found = evaluate(experiment)
    assert found.loss == pytest.approx(some.loss, rel=1e-5)
    assert len(found.per_image["semantic"]) == 6


def test_each_head_has_its_own_mean_loss(make, monkeypatch) -> None:
    chosen = HEADS, "training.monitor=null", "splits.val=val[:4]"
    torch.manual_seed(1)
    whole = evaluate(make(*chosen, name="whole"))
    halves = evaluate(make(*chosen, "heads.semantic.weight=0", name="halves"))
    semantic = evaluate(make(*chosen, "heads.semantic.weight=1e-9", name="tiny"))
    assert whole.loss > halves.loss == pytest.approx(semantic.loss, rel=1e-5)
    experiment = make(*chosen, name="part")
    without_labels(monkeypatch, experiment, "semantic", 0, 1, 2, 3)
    assert evaluate(experiment).loss == pytest.approx(halves.loss, rel=1e-5)


def test_head_without_any_label_is_named_once(make, monkeypatch, caplog) -> None:
    experiment = make(HEADS, "training.monitor=null", "splits.val=val[:2]")
    without_labels(monkeypatch, experiment, "halves", 0, 1)
    for _ in range(2):
        evaluate(experiment)
    assert caplog.messages.count("no pixel of val is labeled for head 'halves'") == 1


def test_split_without_any_label_raises(make, monkeypatch) -> None:
    experiment = make("splits.val=val[:2]")
    without_labels(monkeypatch, experiment, "semantic", 0, 1)
    message = "cannot evaluate on val: every pixel of its 'semantic' masks is ignored; check the "
    with pytest.raises(PluxelError, match=message):
        evaluate(experiment)


def test_evaluation_equals_prediction_whatever_the_precision(make) -> None:
    experiment = make("training.precision=bf16", "splits.val=val[:3]")
    found = evaluate(experiment).per_image["semantic"]
    pipeline = Pipeline(experiment.model, experiment.spaces, experiment.blueprint.channels)
    dataset = experiment.prepared.dataset("val")
    for scores, sample in zip(found, (dataset[i] for i in range(3)), strict=True):
        labeled = sample.labels["semantic"] != 9
        right = pipeline(sample.inputs["image"]) == sample.labels["semantic"]
        assert scores["pixel_accuracy"] == right[labeled].mean()
