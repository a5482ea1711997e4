"""A checkpoint fits only the model that wrote it."""

from __future__ import annotations

import torch
from pluxel.core import Pipeline
from pluxel.core.data.samples import TrainingData
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.training.train import Trainer
from safetensors.torch import load_file, save_file


def test_tied_weights_save_resume_and_predict(make, train, host) -> None:
    run = train("backbone.tied=true", "training.ema=0.9")
    resumed = Trainer(make("backbone.tied=true", "training.ema=0.9"), resume=True)
    backbone = resumed.current.state.model.streams["image"].backbone
    saved = read_tensors(run.state)[0]["model/streams.image.backbone.twin.weight"]
    assert torch.equal(backbone.twin.weight, saved)
    assert backbone.twin.weight is backbone.second.weight
    model = Pipeline.load(run.directory, device="cpu", host=host).model
    best = read_tensors(run.weights)[0]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())


def test_resumed_training_keeps_the_fill_color(make, train, tmp_path, monkeypatch) -> None:
    """The color depends on the normalization of the starting weights, not read on resuming."""
    weights = load_file(train("training.steps=1").weights)
    weights["streams.image.normalize.mean"] *= 0.5
    save_file(weights, tmp_path / "start.safetensors")
    fills = []

    def remembering(*arguments, fill, **options) -> TrainingData:
        fills.append(fill)
        return TrainingData(*arguments, fill=fill, **options)

    monkeypatch.setattr("pluxel.core.engine.training.samples.TrainingData", remembering)
    Trainer(make(f"init_from={tmp_path / 'start.safetensors'}", name="other")).train()
    Trainer(make(name="other"), resume=True)
    assert fills == [[0.25 * 255] * 3] * 2
