"""Every error in the long form, with its streams and heads, word for word: users read them."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from pluxel.core.config.tree.problems import ConfigError
from torch import nn

from .complaints import complaints


def test_the_long_form_is_named_as_it_is_written(load: Any) -> None:
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


def test_streams_of_a_head_exist(load: Any) -> None:
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
            "'rgb.main' is no name: it takes small letters, digits and '_', a letter first. Did "
            "you mean 'rgb_main'?",
        ),
        (
            "2 RGB-2",
            "'2 RGB-2' is no name: it takes small letters, digits and '_', a letter first. Did "
            "you mean 'rgb_2'?",
        ),
        ("'7'", "'7' is no name: it takes small letters, digits and '_', a letter first"),
        ("type", "'type' is a word of torch's own: call it otherwise, such as 'type_1'"),
        (
            "training",
            "'training' is a word of torch's own: call it otherwise, such as 'training_1'",
        ),
    ],
)
def test_names_of_streams_and_heads(load: Any, name: str, message: str) -> None:
    text = f"""\
        streams: {{{name}: {{backbone: vgg}}}}
        heads: {{{name}: {{decoder: fcn8s, loss: dice}}}}
        dataset: shapes
        """
    assert complaints(load, text) == [f"x.yaml:1:11: {message}", f"x.yaml:2:9: {message}"]


def test_every_name_that_is_taken_can_be_a_module(load: Any) -> None:
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


def test_colors_come_first_in_a_stack(load: Any) -> None:
    text = """\
        streams:
          rgb: {input: [image, depth], backbone: vgg}
          late: {input: [depth, image], backbone: vgg}
        heads: {semantic: {decoder: fcn8s, loss: dice}}
        dataset: shapes
        """
    assert complaints(load, text) == [
        "x.yaml:3:25: 'image' comes first where inputs are stacked: the first three channels are "
        "normalized as red, green and blue"
    ]
