"""What is counted once must not be counted again, or kept for something else."""

from __future__ import annotations

import json

import pytest
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.train import Trainer

WEIGHTED = "loss={type: cross_entropy, class_weights: auto}"


def kept(run) -> dict[str, int]:
    return json.loads(run.class_frequencies.read_text())["semantic"]["pixels"]


HALVES = ("heads.semantic.target=halves", "labels.map={1: ground, 2: square}")
OTHERS = [
    ("splits={train: 'train[:4]', val: val}",),
    ("dataset.length=5",),
    ("dataset.swapped=true",),
    ("labels.map={9: square}",),
    HALVES,
]


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: change[0])
def test_frequencies_of_other_data_or_labels_are_counted_again(make, change) -> None:
    new = make(WEIGHTED, *change, name="new")
    assert new.objective.chosen_weights
    for overrides in ((), change):
        assert make(WEIGHTED, *overrides).objective.chosen_weights
        found = kept(make(WEIGHTED, *overrides).run)
        assert (found == kept(new.run)) is bool(overrides)


def test_frequencies_are_counted_once_per_run(make, monkeypatch) -> None:
    _ = make(WEIGHTED).objective
    experiment = make("loss={type: focal, class_weights: median_frequency}")
    kind = type(experiment.prepared.dataset("train"))
    monkeypatch.setattr(kind, "__getitem__", lambda *_: pytest.fail("counted again"))
    assert experiment.objective.chosen_weights


def test_evaluation_uses_the_frequencies_of_the_run(train, host, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    run = train(WEIGHTED, "training.steps=1")
    before = run.class_frequencies.read_bytes()
    trained = [line for line in caplog.messages if line.startswith("weight of class")]
    for overrides in ([], ["dataset.length=3"], ["splits.train=train[:2]"]):
        caplog.clear()
        evaluate_run(open_trained(run.directory, overrides, host=host), "val")
        weights = [line for line in caplog.messages if line.startswith("weight of class")]
        assert weights == trained != []
    assert run.class_frequencies.read_bytes() == before


def test_evaluation_writes_no_frequencies(train, host) -> None:
    run = train("training.steps=1")
    evaluate_run(open_trained(run.directory, ["loss.class_weights=auto"], host=host), "val")
    assert not run.class_frequencies.exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss.class_weights={ground: 0, square: 0}"], "every class has the weight 0, so nothing"),
        (["loss.class_weights=[0, 0]"], "class_weights: every class has the weight 0, so nothing"),
        (
            ["loss={type: weighted_sum, terms: [{loss: dice, weight: 0}]}"],
            "every term has the weight 0, so nothing is trained",
        ),
        (["heads.semantic.weight=0"], "every head has the weight 0, so nothing is trained"),
        (
            ["training.groups=[{match: '', lr_factor: 0}]"],
            "the factors on the learning rate are 0 for every parameter, so nothing is trained",
        ),
    ],
)
def test_training_of_nothing_raises(make, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_training(make(*overrides).prepared)


@pytest.mark.parametrize(
    "length", ["training.steps=4", "training={steps: null, epochs: 2, batch_size: 5}"]
)
def test_warm_up_longer_than_the_training_is_said(make, caplog, length: str) -> None:
    longer = "training.schedule.warmup_steps=4"
    warning = (
        "training.schedule.warmup_steps is 4, but the training ends after 4 steps, so it never"
    )
    experiment = make(length, longer)
    (note,) = check_training(experiment.prepared)
    assert note.startswith(warning)
    Trainer(experiment)
    assert any(line.startswith(warning) for line in caplog.messages)
    assert check_training(make(length, "training.schedule.warmup_steps=3").prepared) == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"semantic": {"ground": 3}}'])
def test_damaged_frequencies_are_counted_again(make, content: str) -> None:
    _ = make(WEIGHTED).objective
    run = make(WEIGHTED).run
    whole = kept(run)
    run.class_frequencies.write_text(content)
    assert make(WEIGHTED).objective.chosen_weights
    assert kept(run) == whole
