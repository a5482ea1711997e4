"""Starting weights, and who of several processes does what."""

from __future__ import annotations

import pytest
import torch
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


def test_an_experiment_sets_no_global_switch(make) -> None:
    torch.manual_seed(1)
    state, level = torch.get_rng_state(), logger.level
    make().initialize()
    assert torch.equal(torch.get_rng_state(), state)
    assert logger.level == level
    assert not torch.are_deterministic_algorithms_enabled()


def test_fresh_weights_are_a_function_of_the_seed(make) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.rand(3)  # which changes nothing
        return make(f"seed={seed}").model.streams["image"].backbone.first.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_deterministic_training_needs_torch_to_be_so(make) -> None:
    with pytest.raises(ConfigError, match=r"deterministic.*call pluxel.core.make_determ.* first"):
        make("deterministic=true")


def test_making_the_model_changes_no_other_part(make) -> None:
    experiment = make("decoder={type: shift_and_stitch, decoder: fcn32s}")
    before = experiment.config
    experiment.initialize()
    assert experiment.config is before is experiment.prepared.config
