"""A word or a mapping: one rule for every place, in files and in overrides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pluxel.core import load_config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host

WHOLE = {
    "backbone": {"type": "timm", "model": "resnet18", "pretrained": False},
    "decoder": "fcn32s",
    "loss": "cross_entropy",
    "dataset": "shapes",
}
SGD = {"type": "sgd", "lr": 1.0, "momentum": 0.5}

Tree = dict[str, Any]

CASES: list[tuple[Tree, Tree, str, Tree]] = [
    # base, upper file, the place that both write, its values there
    (
        {"training": {"schedule": "cosine"}},
        {"training": {"schedule": {"warmup_steps": 1}}},
        "training.schedule",
        {"type": "cosine", "warmup_steps": 1},
    ),
    (
        {"training": {"schedule": {"warmup_steps": 1}}},
        {"training": {"schedule": "constant"}},
        "training.schedule",
        {"type": "constant", "warmup_steps": 1},
    ),
    # parameters without a name belong to the component that is named
    (
        {"training": {"schedule": {"warmup_steps": 1}}},
        {"training": {"schedule": "cosine"}},
        "training.schedule",
        {"type": "cosine", "warmup_steps": 1},
    ),
    (
        {"training": {"optimizer": {"lr": 3.0}}},
        {"training": {"optimizer": {"type": "adamw"}}},
        "training.optimizer",
        {"type": "adamw", "lr": 3.0},
    ),
    (
        {"training": {"optimizer": SGD}},
        {"training": {"optimizer": {"lr": 2.0}}},
        "training.optimizer",
        {"type": "sgd", "lr": 2.0, "momentum": 0.5},
    ),
    (
        {"training": {"optimizer": SGD}},
        {"training": {"optimizer": "adamw"}},
        "training.optimizer",
        {"type": "adamw", "lr": 1e-4},
    ),
    (
        {"decoder": "fcn32s"},
        {"decoder": {"dropout": 0.5}},
        "decoder",
        {"type": "pluxel/fcn32s", "dropout": 0.5},
    ),
    (
        {"decoder": {"dropout": 0.5}},
        {"decoder": "fcn32s"},
        "decoder",
        {"type": "pluxel/fcn32s", "dropout": 0.5},
    ),
    (
        {"decoder": {"type": "fcn32s", "dropout": 0.5}},
        {"decoder": "pluxel/fcn32s"},
        "decoder",
        {"type": "pluxel/fcn32s", "dropout": 0.5},
    ),
    (
        {"decoder": {"type": "fcn32s", "dropout": 0.5}},
        {"decoder": "fcn8s"},
        "decoder",
        {"type": "pluxel/fcn8s", "dropout": 0.0},
    ),
    (
        {"dataset": "shapes"},
        {"dataset": {"length": 7}},
        "dataset",
        {"type": "pluxel/shapes", "length": 7},
    ),
    # components within components
    (
        {"decoder": {"type": "atrous", "decoder": "fcn32s"}},
        {"decoder": {"decoder": {"dropout": 0.5}}},
        "decoder.decoder",
        {"type": "pluxel/fcn32s", "dropout": 0.5},
    ),
    (
        {"dataset": {"type": "concat", "classes_of": "a", "datasets": {"a": "shapes"}}},
        {"dataset": {"datasets": {"a": {"length": 7}}}},
        "dataset.datasets.a",
        {"type": "pluxel/shapes", "length": 7},
    ),
    (
        {"labels": {"align": {"embedding": "glove", "to": "voc"}}},
        {"labels": {"align": {"embedding": {"dim": 50}}}},
        "labels.align.embedding.0",
        {"type": "pluxel/glove", "dim": 50},
    ),
    # words that name no component
    (
        {"loss": {"type": "cross_entropy", "class_weights": "auto"}},
        {"loss": {"class_weights": {"red": 2.0}}},
        "loss.class_weights",
        {"red": 2.0},
    ),
    (
        {"loss": {"type": "cross_entropy", "class_weights": {"type": 1.0, "red": 2.0}}},
        {"loss": {"class_weights": {"type": 3.0}}},
        "loss.class_weights",
        {"type": 3.0, "red": 2.0},
    ),
    (
        {
            "dataset": {
                "type": "concat",
                "classes_of": "a",
                "datasets": {"a": "shapes"},
                "repeat": {"train": "balanced"},
            }
        },
        {"dataset": {"repeat": {"train": {"a": 2}}}},
        "dataset.repeat.train",
        {"a": 2},
    ),
    (
        {"labels": {"map": {0: "type", 1: "b"}, "palette": {"type": [1, 2, 3], "b": "#000001"}}},
        {"labels": {"palette": {"type": "#00ff00"}}},
        "labels.palette",
        {"type": [0, 255, 0], "b": [0, 0, 1]},
    ),
]


@pytest.fixture(scope="module")
def built_in() -> Host:
    return Host()


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Return a tree as overrides, one a value."""
    if not isinstance(tree, dict):
        return [f"{'.'.join(path)}={json.dumps(tree)}"]
    return [one for key, value in tree.items() for one in leaves(value, (*path, str(key)))]


@pytest.mark.parametrize(("lower", "upper", "place", "values"), CASES)
@pytest.mark.parametrize("way", ["a file", "two bases", "an override", "an override per value"])
def test_files_and_overrides_follow_one_rule(
    lower: Tree, upper: Tree, place: str, values: Tree, way: str, built_in: Host, folder: Path
) -> None:
    (folder / "low.yaml").write_text(json.dumps({**WHOLE, **lower}))  # JSON is YAML
    (folder / "upper.yaml").write_text(json.dumps({"base": "low.yaml", **upper}))
    (folder / "alone.yaml").write_text(json.dumps(upper))
    (folder / "both.yaml").write_text("base: [low.yaml, alone.yaml]\n")
    name, overrides = {
        "a file": ("upper.yaml", []),
        "two bases": ("both.yaml", []),
        "an override": ("low.yaml", [f"{k}={json.dumps(v)}" for k, v in upper.items()]),
        "an override per value": ("low.yaml", leaves(upper)),
    }[way]
    shown = yaml.safe_load(load_config(name, overrides, host=built_in).show())
    for step in place.split("."):
        shown = shown[int(step) if step.isdecimal() else step]
    assert {key: shown[key] for key in values} == values


def test_every_value_has_its_origin(built_in: Host, write: Any) -> None:
    write(
        "low.yaml",
        """\
        backbone: timm
        decoder: {type: semantic_projection, decoder: fcn32s, embedding: glove}
        loss: {type: cross_entropy, class_weights: auto}
        dataset: shapes
        labels: {map: {0: disc}, palette: {disc: "#ff0000"}}
        training: {schedule: cosine}
        """,
    )
    write(
        "x.yaml",
        """\
        base: low.yaml
        backbone: {model: resnet18}
        decoder: {decoder: {dropout: 0.5}, embedding: {dim: 50}}
        training: {schedule: {warmup_steps: 1}}
        """,
    )
    config = load_config("x.yaml", ["loss.class_weights.disc=2"], host=built_in)
    origins = {
        ("backbone", "type"): "low.yaml:1:11",
        ("backbone", "model"): "x.yaml:2:19",
        ("backbone", "pretrained"): "default",
        ("decoder", "decoder", "type"): "low.yaml:2:47",
        ("decoder", "decoder", "dropout"): "x.yaml:3:30",
        ("decoder", "embedding", 0, "type"): "low.yaml:2:66",
        ("decoder", "embedding", 0, "dim"): "x.yaml:3:53",
        ("decoder", "embedding", 0, "name"): "default",
        ("loss", "class_weights", "disc"): "override 'loss.class_weights.disc=2'",
        ("labels", "palette", "disc", 2): "low.yaml:5:42",
        ("training", "schedule", "type"): "low.yaml:6:22",
        ("training", "schedule", "warmup_steps"): "x.yaml:4:37",
        ("training", "optimizer", "betas", 0): "default",
    }
    assert {path: config.origin(*path) for path in origins} == origins


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("vgg", "{type: vgg_16, depth: 3}"), ("{type: Acme_Seg/vgg, depth: 3}", "vgg_16")],
)
def test_every_name_of_a_component_is_the_same_component(
    write: Any, load: Any, small: str, lower: str, upper: str
) -> None:
    write("low.yaml", small.replace("backbone: vgg", f"backbone: {lower}"))
    backbone = load(f"base: low.yaml\nbackbone: {upper}\n").pipeline.streams["image"].backbone
    assert backbone.params["depth"] == 3


def test_parameters_over_a_reference_change_its_target(load: Any, small: str) -> None:
    text = """
    streams: {image: {backbone: vgg}}
    heads:
      a: {decoder: fcn8s, loss: {type: dice, smooth: 3}}
      b: {decoder: "${heads.a.decoder}", loss: "${heads.a.loss}"}
    dataset: shapes
    """
    heads = load(text, "heads.b.loss.smooth=2", "heads.b.decoder.dropout=0.1").pipeline.heads
    assert [heads[name].loss.params["smooth"] for name in "ab"] == [3, 2]
    assert [heads[name].decoder.params["dropout"] for name in "ab"] == [0.5, 0.1]


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss={type: cross_entropy}", "loss.class_weights=auto", "loss.class_weights.red=2"],
        ["loss.class_weights=auto", "loss.class_weights.red=2"],
    ],
)
def test_a_word_and_a_mapping_that_do_not_unite_contradict_each_other(
    overrides: list[str], built_in: Host, folder: Path
) -> None:
    (folder / "x.yaml").write_text(json.dumps(WHOLE))
    for order in (overrides, overrides[::-1]):
        with pytest.raises(ConfigError) as caught:
            load_config("x.yaml", order, host=built_in)
        assert str(caught.value) == (
            "override 'loss.class_weights.red=2': contradicts override 'loss.class_weights=auto'"
        )


@pytest.mark.parametrize(
    ("value", "override", "read"),
    [
        ("007", "init_from=${env:X}", lambda pipeline: str(pipeline.init_from) == "007"),
        ("1e3", "splits.test=${env:X}", lambda pipeline: pipeline.splits["test"] == "1e3"),
        ("true", "dataset.classes_of=${env:X}", None),
        ("3", "seed=${env:X}", lambda pipeline: pipeline.seed == 3),
        ("3", "training.clip_norm=${env:X}", lambda pipeline: pipeline.training.clip_norm == 3),
        ("false", "backbone.pretrained=${env:X}", lambda _: True),
    ],
)
def test_variables_are_text_where_only_text_is_accepted(
    value: str, override: str, read: Any, built_in: Host, folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("X", value)
    concat = {"type": "concat", "classes_of": "a", "datasets": {"a": "shapes", "true": "shapes"}}
    tree = WHOLE if read else {**WHOLE, "dataset": concat}
    (folder / "x.yaml").write_text(json.dumps(tree))
    pipeline = load_config("x.yaml", [override], host=built_in).pipeline
    assert read(pipeline) if read else pipeline.dataset.params["classes_of"] == "true"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=${env:X}", "seed: expected a whole number, not ''"),
        ("device=${env:X}", "device: expected text of at least 1 character, not ''"),
        ("seed=${env:X,4}", "seed: expected a whole number, not ''"),
    ],
)
def test_an_empty_variable_is_not_null(
    override: str, message: str, built_in: Host, folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("X", "")
    (folder / "x.yaml").write_text(json.dumps(WHOLE))
    with pytest.raises(ConfigError) as caught:
        load_config("x.yaml", [override], host=built_in)
    assert str(caught.value) == f"override '{override}': {message}"
