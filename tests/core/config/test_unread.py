"""Parts of a configuration that the caller does not use are neither imported nor checked."""

from __future__ import annotations

import re

import pytest
from pluxel.core import load_config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host

from .conftest import Write

TEXT = """\
backbone: vgg
decoder: fcn8s
loss: {type: dice, smoth: 1}
dataset: {type: shapes, sice: 3}
augment: {train: [Blurr]}
"""


def test_mistakes_in_unread_parts_are_not_reported(write: Write, host: Host) -> None:
    path = write("x.yaml", TEXT)
    with pytest.raises(ConfigError) as caught:
        load_config(path, host=host)
    lines = [problem.location.line for problem in caught.value.problems if problem.location]
    assert lines == [3, 4, 5]
    with pytest.raises(ConfigError) as caught:
        load_config(path, host=host, unread=["augment"])
    assert [problem.location.line for problem in caught.value.problems if problem.location] == [
        3,
        4,
    ]
    pipeline = load_config(path, host=host, unread=["augment", "dataset", "loss"]).pipeline
    assert pipeline.augment == {"train": ["Blurr"]}
    assert pipeline.dataset.params == {"sice": 3}


def test_an_unread_component_cannot_be_built(write: Write, host: Host) -> None:
    pipeline = load_config(
        write("x.yaml", TEXT), host=host, unread=["augment", "dataset", "loss"]
    ).pipeline
    message = f"{pipeline.dataset} was not read and cannot be built"
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        pipeline.dataset(split="train")


def test_parts_that_are_read_are_checked(write: Write, host: Host) -> None:
    path = write("x.yaml", TEXT.replace("fcn8s", "fcn8"))
    with pytest.raises(ConfigError, match=r"x\.yaml:2:10: unknown decoder 'fcn8'"):
        load_config(path, host=host, unread=["augment", "dataset", "loss"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loss=crossentropy", "unknown loss 'crossentropy'"),
        ("dataset={type: shapes, rooot: 1}", "dataset 'shapes' has no parameter 'rooot'"),
        ("heads.main.loss=crossentropy", "unknown loss 'crossentropy'"),
    ],
)
def test_an_override_is_always_checked(
    write: Write, host: Host, override: str, message: str
) -> None:
    path = write("x.yaml", TEXT)
    with pytest.raises(ConfigError, match=message):
        load_config(path, [override], host=host, unread=["augment", "dataset", "loss"])
