"""Hooks of plugins take part in trainings, evaluations and predictions, and cannot change them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pluxel import plugins
from pluxel.core import Experiment, Pipeline, Run, Trainer, load_config, prepare
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.trained import open_trained
from pluxel.core.model.network import SegmentationModel
from pluxel.registry import Host, hookimpl

TOYS = Path(__file__).parents[1] / "toys.py"
PHASES = (
    "training={steps: null, eval_every: 2, "
    "phases: [{name: first, steps: 2}, {name: then, steps: 2}]}"
)


class Recorder:
    """A plugin that keeps what its hooks receive, then misbehaves."""

    def __init__(self, misbehave: Callable[[], object] = lambda: None) -> None:
        self.calls: dict[str, list[Any]] = {"built": [], "step": [], "evaluated": []}
        self.misbehave = misbehave

    @hookimpl
    def pluxel_model_built(self, model: SegmentationModel, config: Mapping[str, Any]) -> None:
        self.calls["built"].append((model, deepcopy(config)))
        config["training"].clear()
        self.misbehave()

    @hookimpl
    def pluxel_training_step(self, run: Path, step: int, losses: dict[str, float]) -> None:
        self.calls["step"].append((run, step, dict(losses)))
        losses.clear()
        self.misbehave()

    @hookimpl
    def pluxel_evaluated(self, run: Path, results: dict[str, Any]) -> None:
        self.calls["evaluated"].append((run, dict(results)))
        results.clear()
        self.misbehave()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def host(recorder: Recorder) -> Host:
    host = Host({"pluxel": plugins, "acme": recorder}, files=[TOYS])
    assert not host.failures
    return host


def test_pluxel_model_built(train, recorder: Recorder, host: Host) -> None:
    run = train("training.steps=2")
    ((model, config),) = recorder.calls["built"]  # not the model without memory that checks use
    assert sum(parameter.numel() for parameter in model.parameters()) > 100
    assert config["backbone"]["type"] == "toys.py/toy"
    assert config["training"]["steps"] == 2
    Pipeline.load(run.directory, host=host)
    evaluate_run(open_trained(run.directory, host=host), "val")
    assert len(recorder.calls["built"]) == 3
    assert len({id(model) for model, _ in recorder.calls["built"]}) == 3


def test_pluxel_training_step(train, recorder: Recorder) -> None:
    run = train(PHASES)
    assert [(path, step) for path, step, _ in recorder.calls["step"]] == [
        (run.directory, step) for step in (1, 2, 3, 4)
    ]
    lines = [*map(json.loads, run.metrics.read_text().splitlines())]
    logged = [line["train/loss"] for line in lines if "train/loss" in line]
    losses = [losses["loss"] for _, _, losses in recorder.calls["step"]]
    assert [sum(losses[:2]) / 2, sum(losses[2:]) / 2] == pytest.approx(logged)
    assert [config["training"]["steps"] for _, config in recorder.calls["built"]] == [2, 2]


def test_pluxel_evaluated(train, recorder: Recorder, host: Host) -> None:
    run = train("training={steps: 4, eval_every: 2}")
    assert [(path, r["split"], r["step"]) for path, r in recorder.calls["evaluated"]] == [
        (run.directory, "val", 2),
        (run.directory, "val", 4),
    ]
    written = json.loads(run.results_of("val").read_text())
    assert written in [results for _, results in recorder.calls["evaluated"]]
    results, file = evaluate_run(open_trained(run.directory, host=host), "train")
    path, reported = recorder.calls["evaluated"][-1]
    assert (path, reported) == (run.directory, results)
    assert file is not None
    assert json.loads(file.read_text()) == json.loads(json.dumps(reported))


def _draw() -> None:
    torch.rand(100)
    np.random.rand(100)


def _fail() -> None:
    _draw()
    raise ValueError("the tracker is down")


@pytest.mark.parametrize("misbehave", [_draw, _fail])
def test_a_training_does_not_depend_on_its_hooks(
    train, tmp_path: Path, recorder: Recorder, misbehave: Callable[[], object], caplog
) -> None:
    recorder.misbehave = misbehave
    reported = train("training.steps=4", name="with")
    host = Host({"pluxel": plugins}, files=[TOYS])
    config = load_config(tmp_path / "toy.yaml", ["training.steps=4"], host=host)
    alone = Run(tmp_path / "without")
    Trainer(Experiment(prepare(config), alone)).train()
    kept, other = (read_tensors(one.weights)[0] for one in (reported, alone))
    assert kept.keys() == other.keys()
    assert all(torch.equal(kept[name], other[name]) for name in kept)
    first, second = (one.results_of("val").read_text() for one in (reported, alone))
    assert first == second
    warned = [text for text in caplog.messages if text.startswith("plugin acme: ")]
    assert len(warned) == (3 if misbehave is _fail else 0)
    assert all("ValueError: the tracker is down" in text for text in warned)
