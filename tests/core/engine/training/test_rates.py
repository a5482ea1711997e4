"""Notes on learning rates that do not fit a sum or a mean over pixels."""

from __future__ import annotations

import pytest
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.train import Trainer

SUM = "loss={type: cross_entropy, reduction: sum}"
MEAN = "loss=cross_entropy"
LARGE = (
    "the loss of head 'semantic' is a sum over pixels, for which a learning rate of {} is so large "
    "that training may diverge. Divide a rate for the mean by the pixels of an image, so 1e-10 "
    "instead of 2e-5, or set reduction: mean"
)
SMALL = (
    "the loss of head 'semantic' is not a sum over pixels: with a learning rate of {}, the weights "
    "hardly change. Multiply a rate for the sum by the pixels of an image, so 2e-5 instead of 1e-10"
)
NEW = (
    "the scores of head 'semantic' start anew for {}, but hardly change: the loss is a sum over "
    "pixels, for which a learning rate of {} only refines scores. Set training.optimizer.lr=1e-10, "
    "as for new scores in the paper"
)
ADAM = (
    "with a learning rate of 1e-10, the weights hardly change: adamw takes steps of about that "
    "size, whatever the loss"
)


def sgd(rate: str, **others: object) -> str:
    more = "".join(f", {key}: {value}" for key, value in others.items())
    return f"training.optimizer={{type: sgd, lr: {rate}{more}}}"


@pytest.mark.parametrize(
    ("loss", "rate", "note"),
    [
        (SUM, "1e-4", LARGE.format("0.0001")),
        (SUM, "1e-10", None),
        (SUM, "1e-6", None),
        (MEAN, "1e-10", SMALL.format("1e-10")),
        (MEAN, "1e-4", None),
        (MEAN, "1e-8", None),
        ("loss=dice", "1e-10", SMALL.format("1e-10")),
        ("loss={type: focal, reduction: sum}", "1e-4", LARGE.format("0.0001")),
        (
            "loss={type: cross_entropy, reduction: sum, class_weights: {ground: 0, square: 2}}",
            "1e-4",
            LARGE.format("0.0001"),
        ),
        ("loss={type: cross_entropy, class_weights: {ground: 0, square: 2}}", "1e-4", None),
        (
            "loss={type: weighted_sum, terms: [{loss: dice, weight: 1}, "
            "{loss: {type: cross_entropy, reduction: sum}, weight: 0.5}]}",
            "1e-4",
            LARGE.format("5e-05"),
        ),
        (
            "loss={type: weighted_sum, terms: [{loss: dice, weight: 1}, "
            "{loss: {type: cross_entropy, reduction: sum}, weight: 1e-5}]}",
            "1e-4",
            None,
        ),
    ],
)
def test_rates_are_compared_with_the_scale_of_the_loss(make, loss, rate, note) -> None:
    assert check_training(make(loss, sgd(rate)).prepared) == ([note] if note else [])


def test_factors_of_groups_and_heads_count_but_that_of_biases_does_not(make) -> None:
    groups = "training.groups=[{match: backbone, lr_factor: 1e-5}, {match: heads, lr_factor: 0.02}]"
    notes = check_training(make(SUM, sgd("1e-4", bias_lr_factor=1000), groups).prepared)
    assert notes == [LARGE.format("2e-06")]
    heads = f"heads={{semantic: {{decoder: fcn32s, {SUM.replace('=', ': ')}, weight: 1e-5}}}}"
    assert check_training(make(heads, sgd("1e-4")).prepared) == []


def test_clipped_gradients_do_not_diverge(make) -> None:
    assert check_training(make(SUM, sgd("1e-4"), "training.clip_norm=5").prepared) == []


def test_the_scale_of_the_loss_does_not_matter_to_adam(make) -> None:
    for loss in (SUM, MEAN):
        usual, small = (
            check_training(make(loss, f"training.optimizer={{type: adamw, lr: {lr}}}").prepared)
            for lr in ("1e-4", "1e-10")
        )
        assert (usual, small) == ([], [ADAM])


def test_the_phase_of_the_rate_is_named(make) -> None:
    phases = "training.phases=[{name: a, steps: 2}, {name: b, steps: 2, optimizer: {lr: 1e-10}}]"
    notes = check_training(make(MEAN, sgd("1e-4"), phases).whole)
    assert notes == [f"phase 'b': {SMALL.format('1e-10')}"]


@pytest.mark.parametrize("rate", ["1e-14", "1e-12"])
def test_new_scores_need_a_higher_rate_than_the_last_stage(make, rate: str) -> None:
    notes = check_training(make(SUM, sgd(rate)).prepared)
    assert notes == [NEW.format("ground, square", rate)]
    assert check_training(make(SUM, sgd("1e-10")).prepared) == []
    assert check_training(make(SUM, sgd("1e-11")).prepared) == []
    phases = f"training.phases=[{{name: a, steps: 2}}, {{name: b, optimizer: {{lr: {rate}}}}}]"
    assert check_training(make(SUM, sgd("1e-10"), phases).whole) == []


def test_only_new_classes_need_it(make, tmp_path, caplog) -> None:
    run = make(SUM, sgd("1e-10"), "training.steps=1", name="before")
    Trainer(run).train()
    start = f"init_from={tmp_path / 'before'}"
    assert check_training(make(SUM, sgd("1e-14"), start, name="same").prepared) == []
    renamed = "labels.map={0: ground, 7: disk, 9: ignore}"
    other = make(SUM, sgd("1e-14"), start, renamed, "training.steps=1", name="other")
    expected = NEW.format("disk", "1e-14")
    assert check_training(other.prepared) == [expected]
    caplog.clear()
    Trainer(other).train()
    assert [one.getMessage() for one in caplog.records].count(expected) == 1
