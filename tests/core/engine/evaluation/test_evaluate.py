"""Evaluation does not depend on the batch size."""

from __future__ import annotations

import math

import pytest
import torch
from pluxel.core.engine.evaluation.evaluate import Evaluation
from pluxel.core.engine.training.experiment import Experiment
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
    experiment.objective = lambda scores, targets: torch.tensor(value)
    found = evaluate(experiment)
    assert found.to_json()["loss"] is None
    assert not math.isfinite(found.scalars("val")["val/loss"])
