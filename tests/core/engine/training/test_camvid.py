"""A few steps of the CamVid recipe on real images, from pretrained weights."""

import json
import math

import pytest
from pluxel.core import load_config
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer

CAFFE = "{mean: [122.67892, 116.66877, 104.00699], std: [1, 1, 1], range: 255}"


@pytest.mark.slow
def test_a_few_steps_reduce_the_loss_on_street_scenes(test_data, tmp_path, host, caplog):
    settings = [
        f"dataset.root={test_data / 'data/camvid'}",
        f"backbone.pretrained={test_data / 'weights/vgg16_trunk.fp16.safetensors'}",
        f"backbone.normalization={CAFFE}",
        "augment.train=[{RandomCrop: {height: 96, width: 128}}]",
        "splits={train: 'train[:200:5]', val: 'val[:2]'}",
        "training={steps: 12, eval_every: 12, batch_size: 2, ema: null, monitor: val/loss}",
        "training.optimizer={lr: 5e-5}",
        "training.schedule={type: constant}",
        "device=cpu",
    ]
    run = Run(tmp_path / "run")
    with caplog.at_level("INFO", logger="pluxel"):
        config = load_config("camvid_fcn8s_vgg16", settings, host=host)
        Trainer(Experiment(prepare(config), run)).train()
    assert "26 loaded, 0 missing, 0 unexpected" in caplog.text
    frequencies = json.loads(run.class_frequencies.read_text())["semantic"]["pixels"]
    assert max(frequencies, key=frequencies.get) == "road"
    results, _ = evaluate_run(open_trained(run.directory, host=host), "val")
    assert results["loss"] < math.log(11) - 0.05  # the loss of a uniform guess
