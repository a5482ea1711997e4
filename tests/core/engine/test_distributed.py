"""Two processes train as one, with equal weights and a common end."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pluxel.core import load_config
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from safetensors.torch import load_file
from torch.distributed.run import get_args_parser

CONFIG = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset: {type: squares, length: 7}
augment: {train: [{RandomCrop: {height: 12, width: 12}}]}
device: cpu
training: {steps: 4, batch_size: 2, precision: fp32, log_every: 1, eval_every: 2, pictures: 0}
"""
RANKS = (0, 1)
SPARE = "{image: {backbone: {type: toy, norm: false}}, spare: {input: depth, backbone: toy}}"
LIKE_ONE = {
    "unread stream": [
        f"streams={SPARE}",
        "heads={semantic: {streams: [image], decoder: fcn32s, loss: cross_entropy}}",
    ],
    "skipped layer": ["backbone={type: toy, norm: false, skips: true}"],
    "constant loss": [
        "backbone.norm=false",
        "heads={semantic: {decoder: fcn32s, loss: cross_entropy}, "
        "halves: {decoder: fcn32s, loss: constant}}",
        "training.monitor=null",
    ],
    "phases": [
        "backbone.norm=false",
        "training.phases=[{steps: 2}, {steps: 2, optimizer: {lr: 0.05}}]",
    ],
    "some cells": ["backbone.norm=false", "training.keep_cells=0.5"],
    "accumulated": [
        "backbone.norm=false",
        "loss={type: weighted_sum, terms: [{loss: {type: focal}}, {loss: {type: cross_entropy, "
        "class_weights: {ground: 0.2, square: 1}}, weight: 0.5}]}",
    ],
}
"""Name -> overrides of trainings on two processes that equal one on twice the batch."""


@pytest.fixture(scope="module")
def launched(tmp_path_factory, in_processes):
    """Run rank.py twice; return the folder, the exit codes and the output."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "toy.yaml").write_text(CONFIG)
    (folder / "like_one.json").write_text(json.dumps(LIKE_ONE))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("rank.py"), folder],
            env=os.environ
            | shared
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in RANKS
    ]
    try:
        output = [process.communicate(timeout=180)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return folder, [process.returncode for process in processes], output


@pytest.fixture
def folder(launched) -> Path:
    return launched[0]


def test_both_processes_have_equal_weights_and_norm_statistics(folder):
    one, other = (load_file(folder / f"weights-{rank}") for rank in RANKS)
    assert any(name.endswith("running_var") for name in one)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("name", LIKE_ONE)
def test_two_processes_train_like_one_on_twice_the_batch(folder, host, tmp_path, name):
    size = 8 if name == "accumulated" else 4
    sgd = "training.optimizer={type: sgd, lr: 0.1}"
    kinds = [*LIKE_ONE[name], sgd, f"training.batch_size={size}"]
    config = load_config(folder / "toy.yaml", kinds, host=host)
    alone = Trainer(Experiment(prepare(config), Run(tmp_path)))
    before = {
        key: value.clone() for key, value in alone.current.experiment.model.named_parameters()
    }
    alone.train()
    one, other = (load_file(folder / f"{name}-{rank}") for rank in RANKS)
    for key, value in alone.current.experiment.model.named_parameters():
        assert torch.equal(one[key], other[key])
        torch.testing.assert_close(one[key], value.detach(), rtol=1e-4, atol=1e-6)
    idle = {key for key in one if torch.equal(one[key], before[key])}
    expected = {"unread stream": "streams.spare.", "constant loss": "heads.halves."}.get(name)
    assert idle == {key for key in one if expected and key.startswith(expected)}


def test_each_image_counts_once(folder, host):
    found = json.loads((folder / "whole" / "results.json").read_text())
    images = found["heads"]["semantic"]["per_image"]
    assert [image["name"] for image in images] == [f"val{i}" for i in range(7)]
    alone, _ = evaluate_run(
        open_trained(folder / "whole", host=host), "val", output=folder / "alone.json"
    )
    assert found["loss"] == pytest.approx(alone["loss"], rel=1e-5)
    assert found["heads"] == alone["heads"]


def test_logged_loss_averages_both_processes(folder):
    one, other = (json.loads((folder / f"losses-{rank}").read_text()) for rank in RANKS)
    assert one != other
    lines = map(json.loads, (folder / "whole" / "metrics.jsonl").read_text().splitlines())
    logged = [line["train/loss"] for line in lines if "train/loss" in line]
    rounds = torch.tensor([one, other]).view(2, 4, 2)
    assert logged == pytest.approx(rounds.mean((0, 2)).tolist(), rel=1e-6)


def test_nan_loss_in_one_process_stops_both(folder):
    one, other = ((folder / f"diverged-{rank}").read_text() for rank in RANKS)
    assert "the loss of process 1 is not finite in step 4; its message" in one
    assert "the loss is nan in step 4. Not finite: Breaks of head 'semantic'. The batch: " in other
    assert (
        read_tensors(folder / "diverged" / "last" / "state.safetensors")[1]["progress"]["step"] == 2
    )


def test_write_error_of_the_main_process_raises_in_both(folder):
    for rank in RANKS:
        assert (folder / f"unwritable-{rank}").read_text() == "the disk is full"


def test_signal_to_one_process_saves_the_state_and_stops_both(launched):
    folder, codes, output = launched
    assert codes == [143, 143]
    for text in output:
        assert "stopped after step 2 of 4 and saved the state" in text
    assert (
        read_tensors(folder / "stopped" / "last" / "state.safetensors")[1]["progress"]["step"] == 2
    )


def test_torchrun_passes_options_through():
    page = Path(__file__).parents[3] / "docs" / "training.md"
    (line,) = (one for one in page.read_text().splitlines() if one.strip().startswith("torchrun "))
    given = get_args_parser().parse_args(shlex.split(line)[1:])
    assert (given.no_python, given.nproc_per_node) == (True, "2")
    assert given.training_script == "pluxel"
    assert given.training_script_args == ["train", "mine.yaml", "--run", "runs/mine"]
