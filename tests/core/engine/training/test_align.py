"""Train with aligned classes, then use the run without word vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pluxel.core import Pipeline, load_config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.trained import open_trained

ALIGN = "labels.align={to: [circle, left], embedding: words, threshold: -1, partial: true}"


@pytest.fixture
def bare(host, monkeypatch):
    """Make the word vectors unavailable."""

    def missing(self: object, *, missing: bool = True) -> None:
        raise ValueError("no words here")

    monkeypatch.setattr(host.load(host.get("embedding", "words")), "__init__", missing)
    return host


def test_run_keeps_the_aligned_labels(train, host, request):
    run = train(ALIGN, "labels.map={0: left}", "labels.palette={left: [1, 2, 3]}")
    request.getfixturevalue("bare")
    saved = load_config(run.config, host=host).pipeline.heads["semantic"].labels
    assert saved.align is None
    assert saved.map == {0: "left", 7: "circle", 9: "ignore"}
    assert saved.palette["left"] == (1, 2, 3)
    assert "words" not in run.config.read_text()
    found = json.loads(run.results_of("val").read_text())["heads"]["semantic"]["per_class"]
    assert [*found] == ["left", "circle"]
    results, _ = evaluate_run(open_trained(run.directory, host=host), "val")
    assert [*results["heads"]["semantic"]["per_class"]] == ["left", "circle"]
    masks = Pipeline.load(run.directory, host=host)(np.zeros((20, 24, 3), np.uint8))
    assert set(np.unique(masks)) <= {0, 7}


def test_training_repeats_from_the_kept_labels(train, make, host, request):
    run = train(ALIGN)
    request.getfixturevalue("bare")
    again = make(text=run.config.read_text(), name="again")
    assert again.spaces == make(text=run.config.read_text(), name="third").spaces
    assert again.spaces["semantic"].class_names == ("left", "circle")
    assert again.config.dump() == run.config.read_text()


def test_aligned_training_resumes(train):
    train(ALIGN, "training.steps=3")
    run = train(ALIGN, resume=True)
    assert json.loads(run.results_of("val").read_text())["step"] <= 6


def test_check_aligns_labels(make, bare):
    config = make().config
    path = config.source
    with pytest.raises(ConfigError, match=r"override 'labels.align=.*no words here"):
        prepare(load_config(path, [ALIGN], host=bare))


def test_target_class_without_match_raises(make):
    with pytest.raises(
        ConfigError, match="no class of the dataset matches 'right': lower 'threshold'"
    ):
        make("labels.align={to: [ground, square, right], embedding: words, threshold: 0.9}")


def test_heads_have_separate_labels(make):
    text = """\
streams: {image: {backbone: toy}}
heads:
  semantic: {decoder: fcn32s, loss: cross_entropy}
  halves:
    decoder: fcn32s
    loss: cross_entropy
    labels: {align: {to: [ground, square], embedding: words, threshold: -1, partial: true}}
dataset: squares
device: cpu
training: {steps: 1}
"""
    spaces = make(text=text).spaces
    assert spaces["semantic"].class_names == ("ground", "square")
    assert spaces["halves"].label_map.ids == {1: "ground", 2: "ground"}
