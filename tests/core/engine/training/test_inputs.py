"""A pipeline with depth and HHA beside color: checks, training, and what its run keeps."""

from pathlib import Path

import pytest
from pluxel.core import Experiment, Run, load_config, prepare
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.training.check import check_training
from pluxel.registry import Host

YAML = """
streams:
  image: {input: [image, depth], backbone: {type: timm, model: test_resnet}}
  hha: {backbone: {type: timm, model: test_resnet}}
heads:
  semantic: {decoder: fcn32s, loss: cross_entropy}
dataset:
  type: folder
  images: photos
  masks: masks
  classes: [floor, wall]
  inputs: {depth: {folder: depth, kind: depth}, hha: {folder: hha, kind: hha}}
splits: {train: all, val: all}
training: {steps: 1, batch_size: 2, workers: 0}
"""


@pytest.fixture
def config(rgbd: Path):
    """Return a function that loads the pipeline with changes."""
    Path("pipeline.yaml").write_text(YAML)
    return lambda *changes: load_config("pipeline.yaml", changes, host=Host())


def test_the_check_refuses_transforms_that_an_input_does_not_allow(config):
    Path("flips.yaml").write_text(
        "base: pipeline.yaml\naugment:\n  train:\n    - HorizontalFlip\n    - VerticalFlip\n"
    )
    flips = load_config("flips.yaml", host=Host())
    with pytest.raises(
        ConfigError, match="^flips.yaml:5:7: VerticalFlip may flip the image vertically"
    ):
        check_training(prepare(flips))
    without_hha = load_config("flips.yaml", ["streams.hha.input=depth"], host=Host())
    check_training(prepare(without_hha))


def test_statistics_that_do_not_fit_their_input_are_refused(config):
    changed = config("streams.image.normalization={depth: {mean: [1, 2], transform: log}}")
    with pytest.raises(ConfigError, match="input 'depth' has 1 channels, but its normalization"):
        prepare(changed)


def test_a_run_keeps_what_its_inputs_are(config):
    prepared = prepare(config())
    assert {name: spec.kind for name, spec in prepared.blueprint.inputs.items()} == {
        "image": "color",
        "depth": "depth",
        "hha": "hha",
    }
    model = Experiment(prepared, Run(Path("run"))).model
    assert model.streams["image"].normalize.mean.flatten()[3] == pytest.approx(7.844)
    assert model.streams["hha"].normalize.mean.flatten()[0] == pytest.approx(132.431 / 255)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            "image.normalization={mean: [1]}",
            "several inputs: give their statistics by name, {image: {…}, depth: {…}}",
        ),
        (
            "hha.normalization={hhaa: {mean: [1]}}",
            "the stream has no input 'hhaa'; it reads hha. Did you mean 'hha'?",
        ),
        (
            "hha.normalization={mean: [1], stdd: [1]}",
            "unknown key 'stdd' in streams.hha.normalization. Did you mean 'std'?",
        ),
        (
            "image.normalization={depth: {mean: 3}}",
            "streams.image.normalization.depth.mean: expected a list of one value for all channels",
        ),
    ],
)
def test_mistakes_in_a_stated_normalization_are_located(config, stated, message):
    with pytest.raises(ConfigError) as raised:
        config(f"streams.{stated}")
    assert str(raised.value).startswith(f"override 'streams.{stated}': {message}")


@pytest.mark.parametrize("form", ["{mean: [9], std: [3]}", "{hha: {mean: [9], std: [3]}}"])
def test_the_statistics_of_an_only_input_need_no_name(config, form):
    prepared = prepare(config(f"streams.hha.normalization={form}"))
    own = prepared.model.input_specs["hha"].normalization
    assert (own.mean, own.std) == ((9,), (3,))


def test_the_first_of_several_heads_selects_the_best_weights(config):
    assert config().pipeline.training.monitor == "val/mean_iou"
    two = "heads.second={target: semantic, decoder: fcn16s, loss: dice}"
    assert config(two).pipeline.training.monitor == "val/semantic/mean_iou"
    stated = config(two, "training.monitor=val/second/pixel_accuracy")
    assert stated.pipeline.training.monitor == "val/second/pixel_accuracy"
