"""Starting weights and checks of an experiment."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from pluxel.core.common.logs import logger
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import PluxelError
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


def test_weights_without_a_match_raise(make, tmp_path) -> None:
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "w.safetensors")
    experiment = make(f"init_from={tmp_path / 'w.safetensors'}")
    with pytest.raises(ConfigError, match="init_from=.*no weights fit the model: it needs .*bias"):
        experiment.initialize()


def test_matching_only_the_normalization_raises(make, train) -> None:
    source = train("backbone.width=9", "training.steps=1", text=THREE_CLASSES)
    with pytest.raises(ConfigError, match="no weights fit the model"):
        make(f"init_from={source.directory}", name="other").initialize()


def test_earlier_run_is_deleted_after_loading_new_weights(make, train, tmp_path) -> None:
    run = train("training.steps=1")
    experiment = make(f"init_from={tmp_path / 'gone'}")
    with pytest.raises(ConfigError, match="is neither a weights file nor a run"):
        experiment.clear_run()
    assert run.weights.exists()
    successor = make(f"init_from={run.directory}")  # clearing deletes this source
    successor.clear_run()
    assert not run.weights.exists()
    successor.initialize()  # the second call does nothing


def test_existing_run_is_not_overwritten(make, train) -> None:
    run = train("training.steps=1")
    before = run.weights.read_bytes()
    with pytest.raises(PluxelError, match="already contains a run"):
        Trainer(make("training.steps=1"))
    assert run.weights.read_bytes() == before
    Trainer(make("training.steps=2"), resume=True)


def test_missing_split_raises_before_the_first_step(make, tmp_path) -> None:
    for folder in ("train", "trainannot", "valannot"):
        (tmp_path / folder).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / folder / "1.png")
    with pytest.raises(ConfigError, match="the images of split 'val' not found"):
        make(f"dataset={{type: camvid, root: {tmp_path}}}")


def test_experiment_changes_no_global_setting(make) -> None:
    torch.manual_seed(1)
    state, level = torch.get_rng_state(), logger.level
    make().initialize()
    assert torch.equal(torch.get_rng_state(), state)
    assert logger.level == level
    assert not torch.are_deterministic_algorithms_enabled()


def test_random_weights_depend_only_on_the_seed(make) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.rand(3)  # must not affect the weights
        return make(f"seed={seed}").model.streams["image"].backbone.first.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_deterministic_training_requires_deterministic_torch(make) -> None:
    with pytest.raises(ConfigError, match=r"deterministic.*call pluxel.core.make_determ.* first"):
        make("deterministic=true")


def test_building_the_model_changes_nothing_else(make) -> None:
    experiment = make("decoder={type: shift_and_stitch, decoder: fcn32s}")
    before = experiment.config
    experiment.initialize()
    assert experiment.config is before is experiment.prepared.config
