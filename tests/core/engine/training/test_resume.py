"""What a resumed training takes over when its configuration has changed."""

from __future__ import annotations

import json
from unittest.mock import Mock

import pytest
import torch
from pluxel.core.data.samples import TrainingData
from pluxel.core.engine.checkpoint import read_tensors, without_prefix
from pluxel.core.engine.training.keeping import Keeper
from pluxel.core.engine.training.resume import Changes
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import PluxelError

FIRST = "training.groups=[{match: 'backbone.first', lr_factor: 2}]"
SECOND = "training.groups=[{match: 'backbone.second', lr_factor: 2}]"
FROZEN = "training.groups=[{match: backbone, frozen: true}]"


def moments_by_name(trainer: Trainer) -> dict[str, torch.Tensor]:
    state = trainer.current.state.optimizer.state
    return {
        f"{name}/{key}": value
        for name, parameter in trainer.current.state.model.named_parameters()
        for key, value in state.get(parameter, {}).items()
    }


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_moments_stay_with_their_parameters(train, make, optimizer):
    chosen = f"training.optimizer={{type: {optimizer}, lr: 0.01}}"
    run = train(chosen, FIRST)
    saved = without_prefix("optimizer", read_tensors(run.state)[0])
    assert len(saved) >= 4
    resumed = moments_by_name(Trainer(make(chosen, SECOND), resume=True))
    assert resumed.keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in resumed.items())


def test_parameters_without_moments_start_anew(train, make, caplog):
    run = train(FROZEN)
    saved = without_prefix("optimizer", read_tensors(run.state)[0])
    caplog.set_level("INFO")
    trainer = Trainer(make("training.steps=8"), resume=True)
    assert moments_by_name(trainer).keys() == saved.keys()
    assert (
        "without optimizer state in the checkpoint, so with a new one: streams.image.backbone"
        in (caplog.text)
    )
    trainer.train()
    assert any("backbone.first" in name for name in moments_by_name(trainer))


def test_frozen_parameters_lose_their_moments(train, make):
    train()
    names = moments_by_name(Trainer(make(FROZEN, "training.steps=8"), resume=True))
    assert names
    assert not any("backbone" in name for name in names)


def test_another_optimizer_starts_anew(train, make, caplog):
    train()
    caplog.set_level("INFO")
    change = "training.optimizer={type: sgd, lr: 0.5, momentum: 0.9}"
    trainer = Trainer(make(change, "training.steps=8"), resume=True)
    assert moments_by_name(trainer) == {}
    assert 'training.optimizer.type from "adamw" to "sgd"' in caplog.text
    trainer.train()


def test_averages_start_from_the_weights_and_end(train, make):
    train("training.steps=3")
    trainer = Trainer(make("training.ema=0.9"), resume=True)
    averages = trainer.current.state.averaged.state_dict()
    raw = trainer.current.state.model.state_dict()
    assert trainer.current.state.averaged is not trainer.current.state.model
    assert all(torch.equal(value, raw[name]) for name, value in averages.items())
    trainer.train()
    again = Trainer(make("training.steps=8"), resume=True)
    assert again.current.state.averaged is again.current.state.model


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("training.monitor=val/mean_iou",), ("training.monitor=val/loss",)),
        (("training.monitor=val/loss",), ("training.monitor=val/loss", "training.mode=max")),
        (("training.monitor=val/loss",), ("training.monitor=val/loss", "loss=dice")),
        (
            ("training.monitor=val/loss",),
            ("training.monitor=val/loss", "splits={train: train, val: 'train[:3]'}"),
        ),
    ],
)
def test_kept_weights_are_measured_as_the_new_ones(train, make, caplog, first, then):
    run = train(*first)
    kept = json.loads(run.results_of("val").read_text())["step"]
    caplog.set_level("INFO")
    experiment = make(*then, "training.steps=7", "training.eval_every=100")
    trainer = Trainer(experiment, resume=True)
    with experiment.claimed():
        trainer.current.keeper.rank_anew()
    model = experiment.model
    model.load_state_dict(read_tensors(run.weights)[0])
    expected = experiment.evaluate(model, "val").scalars("val")
    assert trainer.current.progress.best == expected["val/loss"]
    assert f"kept weights of step {kept}, evaluated again: val/loss" in caplog.text
    results = json.loads(run.results_of("val").read_text())
    assert (results["step"], results["loss"]) == (kept, expected["val/loss"])


def test_a_kill_before_the_scores_does_not_count_as_a_missing_gain(train, monkeypatch):
    """The evaluation is repeated: its weights are kept already, but not its progress."""
    options = ("training.checkpoint_every=1", "training.early_stop={patience: 9}")
    whole = read_tensors(train(*options, name="whole").state)[1]["progress"]
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "_write_results", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(*options)
    run = train(*options, resume=True)
    resumed = read_tensors(run.state)[1]["progress"]
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}


@pytest.mark.parametrize("left", [None, '{"split": "val", "step": 1}', "{"])
def test_scores_of_other_weights_are_replaced(train, caplog, left):
    """A kill may come between writing the weights and writing their scores."""
    run = train()
    whole = json.loads(run.results_of("val").read_text())
    run.results_of("val").unlink()
    if left is not None:
        run.results_of("val").write_text(left)
    train("training.steps=7", "training.eval_every=100", resume=True)
    kept = read_tensors(run.weights)[1]["step"]
    found = json.loads(run.results_of("val").read_text())
    assert found["step"] == kept
    if kept == whole["step"]:
        assert found == whole
    caplog.clear()
    caplog.set_level("INFO")
    train("training.steps=7", "training.eval_every=100", resume=True)
    assert "evaluated again" not in caplog.text


def test_best_weights_by_the_new_monitor_are_kept(train):
    train("training.monitor=val/iou/square")
    run = train("training.monitor=val/loss", "training.steps=16", resume=True)
    losses = {
        record["step"]: record["val/loss"]
        for record in map(json.loads, run.metrics.read_text().splitlines())
        if "val/loss" in record
    }
    assert json.loads(run.results_of("val").read_text())["step"] == min(losses, key=losses.get)


def test_each_sample_is_read_once_whatever_the_batch_size(train, monkeypatch):
    read = []
    original = TrainingData.__getitem__

    def recording(self, index):
        read.append(index)
        return original(self, index)

    monkeypatch.setattr(TrainingData, "__getitem__", recording)
    train("training.steps=3")
    train("training.steps=5", "training.batch_size=2", "training.accumulate=3", resume=True)
    assert read == list(range(3 * 4 + 2 * 6))


def test_exchanged_classes_are_refused(train):
    train("training.steps=3")
    change = r'classes\.semantic from \["ground", "square"\] to \["square", "ground"\]'
    with pytest.raises(PluxelError, match=f"^cannot resume: {change}; the weights of the check"):
        train("labels.map={0: square, 1: ground}", resume=True)


def test_another_input_is_refused():
    values = {"streams": {"image": {"input": "depth"}}}
    changes = Changes.between({"streams": {"image": {"input": "image"}}}, values)
    with pytest.raises(PluxelError, match='streams.image.input from "image" to "depth"'):
        changes.check()


def test_fewer_steps_than_trained_raise(train):
    train("training.steps=6")
    with pytest.raises(PluxelError, match="steps is 3, but the checkpoint is already at step 6"):
        train("training.steps=3", resume=True)


def test_all_changes_are_named(train, caplog):
    train("training.steps=3")
    caplog.set_level("INFO")
    train("training.steps=4", "seed=5", "training.optimizer.lr=0.5", resume=True)
    expected = "changed since the checkpoint: seed from 0 to 5, training.steps from 3 to 4"
    assert expected in caplog.text
    assert "training.optimizer.lr from 0.01 to 0.5" in caplog.text
    caplog.clear()
    train("training.steps=4", "seed=5", "training.optimizer.lr=0.5", resume=True)
    assert "changed since" not in caplog.text
