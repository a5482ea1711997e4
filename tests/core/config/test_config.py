"""Locations in a valid configuration, for errors found while building."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pluxel.core.config.tree.problems import ConfigError, Problem
from pluxel.registry import PluxelError

TEXT = """\
backbone: vgg
decoder:
  dropout: 0.1
  type: fcn8s
loss: {type: sum, terms: [dice, {type: dice, smooth: 2}]}
dataset: shapes
training:
  groups:
    - match: x
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("backbone",), "x.yaml:1:11"),
        (("decoder",), "x.yaml:4:3"),  # a component, at its key `type`
        (("heads", "semantic", "decoder"), "x.yaml:4:3"),
        (("decoder", "dropout"), "x.yaml:3:12"),
        (("decoder", "scales"), "x.yaml:4:3"),  # a default: location of its parent
        (("loss", "terms", 1), "x.yaml:5:34"),
        (("training", "groups", 0, "match"), "x.yaml:9:14"),
        (("training", "steps"), "x.yaml:8:3"),
        (("evaluation",), "x.yaml:1:1"),
        ((), "x.yaml:1:1"),
    ],
)
def test_locations(load: Any, path: tuple[str, ...], place: str) -> None:
    assert str(load(TEXT).locate(path)) == place


def test_an_error_gets_the_location_of_its_section(load: Any) -> None:
    config = load(TEXT)
    error = PluxelError("too deep", ["try vgg"])
    with pytest.raises(ConfigError) as caught, config.at("decoder"):
        raise error
    assert str(caught.value) == "x.yaml:4:3: too deep\n  note: try vgg"
    assert caught.value.__cause__ is error
    assert caught.value.problems == [Problem(config.locate(("decoder",)), "too deep", ("try vgg",))]


def test_an_error_with_a_location_keeps_it(load: Any) -> None:
    config = load(TEXT)
    with pytest.raises(ConfigError) as caught, config.at("decoder"), config.at("loss"):
        raise PluxelError("no")
    assert str(caught.value) == "x.yaml:5:8: no"


def test_other_exceptions_pass_through(load: Any) -> None:
    with pytest.raises(ZeroDivisionError), load(TEXT).at("decoder"):
        raise ZeroDivisionError


def test_origins(load: Any) -> None:
    config = load(TEXT, "seed=3")
    assert config.origin("decoder", "dropout") == "x.yaml:3:12"
    assert config.origin("decoder", "type") == "x.yaml:4:9"
    assert config.origin("backbone", "type") == "x.yaml:1:11"
    assert config.origin("backbone", "depth") == "default"
    assert config.origin("loss", "terms", 0, "type") == "x.yaml:5:27"
    assert config.origin("seed") == "override 'seed=3'"
    assert config.origin("dataset", "type") == "x.yaml:6:10"
    assert config.origin("evaluation", "workers") == "default"


def test_a_configuration_knows_its_file(load: Any) -> None:
    assert load(TEXT).source == Path("x.yaml")


def test_every_value_is_shown_with_its_origin(load: Any, write: Any) -> None:
    write("low.yaml", TEXT)
    text = load("base: low.yaml\nseed: 1\n", "device=cpu").show(origin=True)
    lines = [re.sub(r"\s+#", " #", line) for line in text.splitlines()]
    assert lines[:15] == [
        "backbone:",
        "  type: acme-seg/vgg # low.yaml:1:11",
        "  pretrained: false # default",
        "  depth: 16 # default",
        "decoder:",
        "  type: acme-seg/fcn8s # low.yaml:4:9",
        "  dropout: 0.1 # low.yaml:3:12",
        "  scales: null # default",
        "loss:",
        "  type: acme-seg/sum # low.yaml:5:14",
        "  terms:",
        "    - type: acme-seg/dice # low.yaml:5:27",
        "      smooth: 1.0 # default",
        "    - type: acme-seg/dice # low.yaml:5:40",
        "      smooth: 2.0 # low.yaml:5:54",
    ]
    assert "seed: 1 # x.yaml:2:7" in lines
    assert "device: cpu # override 'device=cpu'" in lines
    assert all(" # " in line for line in lines if not line.endswith(":"))
    columns = {line.index("  # ") for line in text.splitlines() if "  # " in line}
    assert len(columns) == 1
