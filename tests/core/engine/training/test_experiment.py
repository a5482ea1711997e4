"""Starting weights, and who of several processes does what."""

from __future__ import annotations

import logging

import pytest
from PIL import Image
from pluxel.core.common.logs import logger
from pluxel.core.config.tree.problems import ConfigError
from safetensors.torch import save_file
from torch import nn

THREE_CLASSES = """\
backbone: {type: toy}
decoder: fcn32s
loss: cross_entropy
labels: {map: {0: a, 7: b, 9: c}}
dataset: squares
device: cpu
training: {steps: 1, precision: fp32}
"""


def test_weights_of_which_nothing_fits_are_refused(make, tmp_path) -> None:
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "w.safetensors")
    experiment = make(f"init_from={tmp_path / 'w.safetensors'}")
    with pytest.raises(ConfigError, match="init_from=.*none of its weights fit: .*bias.* instead"):
        experiment.initialize()


def test_a_normalization_alone_is_nothing_that_fits(make, train) -> None:
    source = train("backbone.width=9", "training.steps=1", text=THREE_CLASSES)
    with pytest.raises(ConfigError, match="none of its weights fit"):
        make(f"init_from={source.directory}", name="other").initialize()


def test_an_earlier_run_goes_only_when_the_new_weights_are_there(make, train, tmp_path) -> None:
    run = train("training.steps=1")
    experiment = make(f"init_from={tmp_path / 'gone'}")
    with pytest.raises(ConfigError, match="no such file"):
        experiment.clear_run()
    assert run.weights.exists()
    successor = make(f"init_from={run.directory}")  # the one that is cleared
    successor.clear_run()
    assert not run.weights.exists()
    successor.initialize()  # once is enough


def test_a_missing_split_is_told_before_the_first_step(make, tmp_path) -> None:
    for folder in ("train", "trainannot", "valannot"):
        (tmp_path / folder).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / folder / "1.png")
    with pytest.raises(ConfigError, match="the images of split 'val' not found"):
        make(f"dataset={{type: camvid, root: {tmp_path}}}")


class _Other:
    """An accelerator of the second of two processes."""

    is_main_process = False

    def __init__(self, *_: object) -> None:
        pass


def test_only_the_main_process_tells_what_all_do(make, monkeypatch) -> None:
    before = logger.level
    try:
        logger.setLevel(logging.INFO)
        make()
        assert logger.level == logging.INFO
        monkeypatch.setattr("pluxel.core.engine.training.experiment.make_accelerator", _Other)
        make()
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(before)
