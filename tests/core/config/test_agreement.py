"""The JSON Schema and the loader agree, also on generated mistakes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pluxel.core.config._load_words import load_any
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.files import shipped
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.registry import Host

STREAMS = """
streams:
  image:
    input: [image, depth]
    backbone:
      type: vgg16
      pretrained: false
      normalization: {mean: [0.1, 0.2, 0.3], std: [1, 1, 1], range: 255}
  second: {backbone: vgg16, input: depth}
heads:
  semantic:
    target: x
    labels:
      map: {0: road, '#ff0000': ignore}
      palette: {road: [1, 2, 3], b: '#00ff00'}
      new_classes: [a]
      align:
        embedding: [{type: glove, dim: 50}, fasttext]
        threshold: 0.3
        to: [a, b]
        matching: one_to_one
        partial: true
    decoder: {type: atrous, decoder: {type: fcn32s, dropout: 0.5}, output_stride: 8}
    loss:
      type: weighted_sum
      terms: [{loss: dice, weight: 2}, {loss: {type: cross_entropy, class_weights: {a: 1}}}]
    weight: 0.5
    streams: [image]
    fusion: sum
  other:
    decoder: {type: fcn8s, skip_scales: [1, 0.5]}
    loss: {type: focal, class_weights: [1, 2.5]}
    zero_shot: {unseen: [a], added: {5: zebra}, calibration: 0.1}
dataset:
  type: concat
  classes_of: a
  datasets:
    a: shapes
    b: {type: folder, images: i, masks: m, classes: [a, b], fractions: {train: 0.5}}
  repeat: {train: balanced, val: {a: 2}}
  splits: {train: {a: train}}
  maps: {a: {0: x}}
splits: {train: train, val: val, test: x}
init_from: runs/x
seed: 3
device: cuda:1
deterministic: true
training:
  epochs: 3
  batch_size: 2
  sampling: uniform
  precision: bf16
  optimizer: {type: sgd, lr: 1, momentum: 0.5, nesterov: true, weight_decay: 0}
  groups: [{match: x, lr_factor: 2, frozen: true}]
  schedule: {type: poly, power: 0.9, warmup_steps: 3}
  clip_norm: 1.5
  ema: 0.9
  monitor: val/loss
  mode: min
  early_stop: {patience: 2, min_delta: 0.1}
  on_bad_sample: skip
evaluation: {batch_size: 2, workers: 0}
"""
SHORT = """
backbone:
  type: timm
  model: resnet18
  out_indices: [0, 1]
  output_stride: 8
  model_args: {a: 1}
  pretrained: x.pt
  input_channels: zero
decoder: {type: semantic_projection, embedding: glove, decoder: fcn32s, dim: 3}
loss: {type: semantic, embedding: [glove], temperature: 0.3}
dataset: {type: voc, root: d, year: 2012}
labels: {map: {0: a}}
training: {optimizer: adamw, schedule: {warmup_steps: 3}, steps: 4}
"""
WORDS = """
embedding: {type: glove, name: 6B, dim: 50, file: x.txt, unknown: mean, download: true}
index: faiss_hnsw
device: cuda
"""
VALUES = (
    *(3, -1, 0, 1.5, float("inf"), "word", "", "1", "#ff0000", "a b", True, False, None),
    *([], {}, [1], ["a"], [None], [[1]], {"a": 1}, "shapes", "dice", "fcn8s", "sgd", "mps"),
)
SEMANTIC = ("unknown role", "unknown stream")
"""Mistakes that concern two places; the schema describes one at a time."""

Path_ = tuple[str | int, ...]


def read(text: str) -> Any:
    tree = parse(text, lambda line, column: Location("f", line, column), Problems())
    assert tree
    return plain(tree)


@pytest.fixture(scope="module")
def built_in() -> Host:
    return Host()


@pytest.fixture(scope="module")
def validator(built_in: Host) -> Draft202012Validator:
    return Draft202012Validator(config_schema(built_in))


def paths(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every value below the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))


def at(tree: Any, path: Path_) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def mistaken(tree: Any, chance: random.Random) -> Any:
    """Return a copy with a value replaced, removed, repeated or renamed, or with another key."""
    tree = copy.deepcopy(tree)
    *where, key = chance.choice([*paths(tree)])
    parent = at(tree, tuple(where))
    match chance.choice(["value", "value", "value of another", "remove", "rename", "add"]):
        case "value":
            parent[key] = copy.deepcopy(chance.choice(VALUES))
        case "value of another":
            parent[key] = copy.deepcopy(at(tree, chance.choice([*paths(tree)])))
        case "remove":
            del parent[key]
        case "rename" if isinstance(key, str):
            cut = chance.randrange(len(key) + 1)
            parent[key[:cut] + chance.choice("aeq_1A-") + key[cut + 1 :]] = parent.pop(key)
        case "add" if isinstance(parent[key], dict):
            parent[key][chance.choice(["zz", "type", "lr", "1"])] = chance.choice(VALUES)
        case "add" if isinstance(parent[key], list):
            parent[key] += parent[key][:1]
    return tree


def complaint(tree: Any, host: Host) -> str:
    """Return the errors in a configuration, or an empty text."""
    text = json.dumps(tree).replace("Infinity", ".inf")  # JSON is YAML
    Path("x.yaml").write_text(text, encoding="utf-8")
    try:
        load_any("x.yaml", host=host)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("text", [STREAMS, SHORT, WORDS], ids=["streams", "short", "words"])
@pytest.mark.parametrize("seed", range(2))
def test_generated_mistakes(
    text: str, seed: int, built_in: Host, validator: Draft202012Validator, folder: Path
) -> None:
    chance, whole = random.Random(seed), read(text)
    assert complaint(whole, built_in) == ""
    assert validator.is_valid(whole)
    accepted = 0
    for _ in range(60):
        tree = whole
        for _ in range(chance.choice([1, 1, 2])):
            tree = mistaken(tree, chance)
        error = complaint(tree, built_in)
        if not any(words in error for words in SEMANTIC):
            assert validator.is_valid(tree) is not bool(error), (tree, error)
        accepted += not error
    assert 5 < accepted < 55


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("training: {steps: 3, epochs: 2}", False),
        ("training: {steps: null, epochs: 2}", True),
        ("training: {steps: null}", False),
        ("training: {early_stop: {patience: 2}, monitor: null}", False),
        ("training: {schedule: {power: 2}}", False),  # of a constant schedule
        ("training: {optimizer: {type: sgd}}", False),  # needs lr
        ("training: {optimizer: {type: sgd, lr: .inf}}", False),
        ("decoder: {dropout: 0.5}", False),  # of which decoder?
        ("decoder: null", False),
        ("zero_shot: {calibration: 1}", False),
        ("zero_shot: {unseen: []}", False),
        ("labels: {palette: {a: '#ff0000', b: [0, 0, 255]}}", True),
        ("labels: {palette: {a: red}}", False),
        ("labels: {palette: {a: [0, 0, 256]}}", False),
        ("labels: {map: {a: road}}", False),
        ("labels: {map: {-1: road, '#FF0000': road}}", True),
        ("labels: {align: {embedding: [], to: [a]}}", False),
        ("labels: {align: {embedding: glove, to: [a, a]}}", False),
        ("labels: {align: {embedding: glove, to: [ignore]}}", False),
        ("labels: {new_classes: [null]}", False),
        ("device: cuda:0", True),
        ("device: gpu", False),
        ("heads: {a: {decoder: fcn32s, loss: dice}}", False),  # beside the short form
        ("loss: {type: cross_entropy, class_weights: {a: null}}", True),
        ("loss: {type: cross_entropy, class_weights: [null]}", False),
    ],
)
def test_rules_of_one_place(
    text: str, is_valid: bool, built_in: Host, validator: Draft202012Validator, folder: Path
) -> None:
    whole = {"backbone": "vgg16", "decoder": "fcn32s", "loss": "dice", "dataset": "shapes"}
    tree = whole | read(text)
    assert (complaint(tree, built_in) == "") is is_valid
    assert validator.is_valid(tree) is is_valid


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("decoder: {dropout: 0.5}", True),
        ("decoder: {dropot: 0.5}", False),  # of no decoder
        ("decoder: {dropout: 2}", False),
        ("decoder: null", True),
        ("training: {schedule: {power: 2}}", True),
        ("training: {optimizer: {type: sgd, momentum: 2}}", False),
        ("training: {steps: 3, epochs: 2}", True),
        ("zero_shot: {calibration: 1}", True),
    ],
)
def test_a_base_may_supply_the_rest(
    text: str, is_valid: bool, validator: Draft202012Validator
) -> None:
    assert validator.is_valid({"base": "other.yaml"} | read(text)) is is_valid


@pytest.mark.parametrize("name", shipped())
def test_shipped_configurations(name: str, built_in: Host, validator: Draft202012Validator) -> None:
    validator.validate(read(shipped()[name].read_text(encoding="utf-8")))
    load_any(name, host=built_in)
