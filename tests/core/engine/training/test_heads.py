"""Trainings of several streams and heads: losses and metrics by head."""

from __future__ import annotations

import json

import pytest
from pluxel.core.engine.training.train import Trainer

from .test_train import records

TWO_BY_TWO = """\
streams:
  image: {backbone: toy}
  depth: {backbone: toy}
heads:
  semantic: {decoder: fcn32s, loss: cross_entropy, fusion: sum}
  halves: {decoder: fcn32s, loss: dice, weight: 0.5, streams: [image]}
dataset: squares
device: cpu
training: {steps: 2, precision: fp32, monitor: val/halves/mean_iou}
"""


def test_two_streams_feed_two_heads(train):
    run = train(text=TWO_BY_TWO)
    results = json.loads(run.results_of("val").read_text())
    assert set(results["heads"]) == {"semantic", "halves"}
    scalars = [record for record in records(run) if "val/loss" in record][-1]
    assert {"val/semantic/mean_iou", "val/halves/iou/left"} <= scalars.keys()


def test_the_loss_of_each_head_is_logged_without_its_weight(train):
    run = train("training.log_every=1", "training.eval_every=2", text=TWO_BY_TWO)
    lines = [line for line in records(run) if "train/loss" in line or "val/loss" in line]
    for role, count in (("train", 2), ("val", 1)):
        found = [line for line in lines if f"{role}/loss" in line]
        assert len(found) == count
        for line in found:
            semantic, halves = line[f"{role}/semantic/loss"], line[f"{role}/halves/loss"]
            assert semantic > 0 < halves
            assert line[f"{role}/loss"] == pytest.approx(semantic + 0.5 * halves, rel=1e-6)
    heads = json.loads(run.results_of("val").read_text())["heads"]
    assert {f"val/{head}/loss": of_head["loss"] for head, of_head in heads.items()}.items() <= (
        lines[-1].items()
    )


def test_a_loss_of_a_head_selects_the_lowest(train):
    chosen = "training.monitor=val/halves/loss", "training.steps=4", "training.eval_every=1"
    run = train(*chosen, text=TWO_BY_TWO)
    losses = [line["val/halves/loss"] for line in records(run) if "val/loss" in line]
    best = json.loads(run.results_of("val").read_text())["heads"]["halves"]["loss"]
    assert len(set(losses)) == 4
    assert best == min(losses)


def test_one_head_has_no_loss_besides_the_total(train):
    names = {name for line in records(train()) for name in line if name.endswith("loss")}
    assert names == {"train/loss", "val/loss"}


def test_inputs_can_be_stacked_as_channels(make):
    experiment = make(
        text=TWO_BY_TWO.replace(
            "image: {backbone: toy}\n  depth: {backbone: toy}",
            "image: {backbone: toy, input: [image, depth]}",
        )
    )
    assert experiment.model.streams["image"].backbone.first.weight.shape[1] == 4
    Trainer(experiment).train()
