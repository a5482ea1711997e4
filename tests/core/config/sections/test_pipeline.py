"""Values of a valid configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pluxel.core.config.sections.training import (
    AdamWConfig,
    ConstantSchedule,
    CosineSchedule,
    PolySchedule,
    SGDConfig,
)
from pluxel.core.config.tree.problems import ConfigError


def test_the_short_form_is_one_stream_and_one_head(load: Any, small: str) -> None:
    pipeline = load(small + "labels: {map: {0: road, '#ff0000': ignore}}\n").pipeline
    assert [*pipeline.streams] == ["image"]
    assert [*pipeline.heads] == ["semantic"]
    stream, head = pipeline.streams["image"], pipeline.heads["semantic"]
    assert stream.input == "image"
    assert stream.backbone.component.name == "vgg"
    assert (head.target, head.weight, head.streams, head.fusion) == (None, 1.0, None, "mean")
    assert head.decoder.component.name == "fcn8s"
    assert head.loss.component.name == "cross_entropy"
    assert head.labels.map == {0: "road", "#ff0000": "ignore"}


def test_the_long_form(load: Any) -> None:
    pipeline = load(
        """\
        streams:
          color: {input: [image, depth], backbone: vgg}
          hha: {backbone: {type: vgg, depth: 11}}
        heads:
          semantic: {decoder: fcn8s, loss: dice, streams: [hha], fusion: sum}
          geometric: {target: layout, decoder: fcn16s, loss: dice, weight: 0.5}
        dataset: shapes
        """
    ).pipeline
    assert pipeline.streams["color"].input == ["image", "depth"]
    assert pipeline.streams["hha"].input == "hha"
    assert pipeline.streams["hha"].backbone.params["depth"] == 11
    assert pipeline.heads["semantic"].streams == ["hha"]
    assert pipeline.heads["semantic"].fusion == "sum"
    assert (pipeline.heads["geometric"].target, pipeline.heads["geometric"].weight) == (
        "layout",
        0.5,
    )


def test_defaults(load: Any, small: str) -> None:
    pipeline = load(small).pipeline
    assert pipeline.splits == {"train": "train", "val": "val"}
    assert (pipeline.seed, pipeline.device, pipeline.deterministic) == (0, "auto", False)
    assert (pipeline.augment, pipeline.init_from) == ({}, None)
    training = pipeline.training
    assert (training.steps, training.epochs) == (1000, None)
    assert (training.batch_size, training.accumulate, training.workers) == (4, 1, 0)
    assert training.optimizer == AdamWConfig()
    assert training.schedule == ConstantSchedule()
    assert (training.monitor, training.mode, training.early_stop) == ("val/mean_iou", None, None)
    assert (training.eval_every, training.checkpoint_every, training.log_every) == (None, None, 20)
    assert (training.sampling, training.precision, training.on_bad_sample) == (
        "shuffle",
        "auto",
        "stop",
    )
    assert (pipeline.evaluation.batch_size, pipeline.evaluation.workers) == (1, 0)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("{type: sgd, lr: 1e-4}", SGDConfig(lr=1e-4)),
        (
            "{type: sgd, lr: 1, momentum: 0.99, weight_decay: 0}",
            SGDConfig(lr=1, momentum=0.99, weight_decay=0),
        ),
        ("adamw", AdamWConfig()),
        ("{lr: 3e-4, betas: [0.8, 0.9]}", AdamWConfig(lr=3e-4, betas=(0.8, 0.9))),
    ],
)
def test_optimizers(load: Any, small: str, optimizer: str, expected: object) -> None:
    text = small + f"training: {{optimizer: {optimizer}}}\n"
    assert load(text).pipeline.training.optimizer == expected


def test_the_paper_s_groups() -> None:
    paper = SGDConfig(lr=1e-4)
    assert (paper.momentum, paper.weight_decay) == (0.9, 5e-4)
    assert (paper.bias_lr_factor, paper.bias_decay, paper.nesterov) == (2.0, False, False)
    assert (AdamWConfig().weight_decay, AdamWConfig().bias_lr_factor) == (0.01, 1.0)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", ConstantSchedule()),
        ("poly", PolySchedule(power=0.9, min_factor=0)),
        ("{type: cosine, min_factor: 0.1}", CosineSchedule(min_factor=0.1)),
        ("{warmup_steps: 5}", ConstantSchedule(warmup_steps=5, warmup_factor=0.1)),
    ],
)
def test_schedules(load: Any, small: str, schedule: str, expected: object) -> None:
    text = small + f"training: {{schedule: {schedule}}}\n"
    assert load(text).pipeline.training.schedule == expected


def test_epochs_replace_steps(load: Any, small: str) -> None:
    training = load(small + "training: {epochs: 3}\n").pipeline.training
    assert (training.steps, training.epochs) == (None, 3)


def test_an_empty_section_is_its_default(load: Any, small: str) -> None:
    assert load(small + "labels:\ntraining:\n").pipeline == load(small).pipeline


def test_home_in_init_from(load: Any, small: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert load(small + "init_from: ~/run\n").pipeline.init_from == Path("/home/me/run")


def test_a_valid_configuration_is_immutable(load: Any, small: str) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(small).pipeline.training.steps = 3


@pytest.mark.parametrize("place", ["labels: {{map: {}}}", "zero_shot: {{added: {}}}"])
@pytest.mark.parametrize(
    ("keys", "first", "second"),
    [
        ("{'#c80000': red, '#C80000': roof}", "#c80000", "#C80000"),
        ("{'01': red, 1: roof}", "01", "1"),
    ],
)
def test_two_spellings_of_one_raw_id_raise(load, small, place, keys, first, second):
    with pytest.raises(
        ConfigError, match=f"'{first}' and '{second}' are the same raw id: keep one of them"
    ):
        load(small + place.format(keys) + "\n")
