"""The exact text of every error in the streams and heads of the long form."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from pluxel.core.config.tree.problems import ConfigError
from torch import nn

from .complaints import complaints


def test_errors_name_keys_of_the_long_form(load: Any) -> None:
    text = """\
        streams: {image: {backbone: vgg, inptu: x}, depth: {}}
        heads:
          semantic: {decoder: fcn8s, loss: dice, labels: {map: {1: 2}}, streams: [image, dept]}
          geometric: {decoder: fcn8s, weight: -1}
        dataset: shapes
        """
    assert complaints(load, text) == [
        "x.yaml:1:34: unknown key 'inptu' in streams.image. Did you mean 'input'?",
        "x.yaml:1:52: missing 'backbone' in streams.depth",
        'x.yaml:3:60: heads.semantic.labels.map.1: expected text, not 2: write "2" in quotes',
        "x.yaml:4:14: missing 'loss' in heads.geometric",
        "x.yaml:4:39: heads.geometric.weight: expected a number of at least 0, not -1",
    ]


def test_unknown_streams_of_a_head_are_reported(load: Any) -> None:
    text = """\
        streams: {image: {backbone: vgg}, depth: {backbone: vgg}}
        heads: {semantic: {decoder: fcn8s, loss: dice, streams: [image, dept]}}
        dataset: shapes
        """
    assert complaints(load, text) == ["x.yaml:2:65: unknown stream 'dept'. Did you mean 'depth'?"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "rgb.main",
            "'rgb.main' is not a valid name: use lowercase letters, digits and '_', "
            "starting with a letter. Did you mean 'rgb_main'?",
        ),
        (
            "2 RGB-2",
            "'2 RGB-2' is not a valid name: use lowercase letters, digits and '_', "
            "starting with a letter. Did you mean 'rgb_2'?",
        ),
        (
            "'7'",
            "'7' is not a valid name: use lowercase letters, digits and '_', starting with a "
            "letter",
        ),
        ("type", "'type' is reserved by torch: choose another name, such as 'type_1'"),
        (
            "training",
            "'training' is reserved by torch: choose another name, such as 'training_1'",
        ),
    ],
)
def test_invalid_names_of_streams_and_heads_are_reported(
    load: Any, name: str, message: str
) -> None:
    text = f"""\
        streams: {{{name}: {{backbone: vgg}}}}
        heads: {{{name}: {{decoder: fcn8s, loss: dice}}}}
        dataset: shapes
        """
    assert complaints(load, text) == [f"x.yaml:1:11: {message}", f"x.yaml:2:9: {message}"]


def test_accepted_names_are_valid_module_names(load: Any) -> None:
    words = {*dir(nn.ModuleDict()), *dir(nn.Module()), *dir(dict), *keyword.kwlist, "x", "image"}
    for name in words:
        text = (
            f"streams: {{{name}: {{backbone: vgg}}}}\nheads: {{x: {{decoder: fcn8s, loss: dice}}}}"
        )
        try:
            taken = load(f"{text}\ndataset: shapes\n").pipeline.streams
        except ConfigError:
            continue
        nn.ModuleDict({name: nn.Identity() for name in taken})


def test_the_image_must_be_the_first_stacked_input(load: Any) -> None:
    text = """\
        streams:
          rgb: {input: [image, depth], backbone: vgg}
          late: {input: [depth, image], backbone: vgg}
        heads: {semantic: {decoder: fcn8s, loss: dice}}
        dataset: shapes
        """
    assert complaints(load, text) == [
        "x.yaml:3:25: 'image' must be the first of stacked inputs: the first three channels are "
        "those of colors, for pretrained filters"
    ]
