"""Runs carry the version of their format, and every reader refuses those of a newer Pluxel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pluxel.core import Pipeline, Run
from pluxel.core.engine.trained import classes_of, open_trained
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host, PluxelError
from safetensors import safe_open
from safetensors.torch import load_file, save_file

NEWER = (
    "was written by a newer Pluxel (version 2 of the run format; this one opens version 1): "
    "pip install --upgrade pluxel"
)


def rewrite(file: Path, version: str | None) -> None:
    """Write a file with another version of its format, or without one."""
    with safe_open(file, "pt") as opened:
        metadata = dict(opened.metadata())
    assert metadata.pop("pluxel_format") == "1"
    save_file(load_file(file), file, metadata | ({"pluxel_format": version} if version else {}))


@pytest.mark.parametrize(
    "read",
    [
        lambda run, make, host: open_trained(run.directory, host=host),
        lambda run, make, host: Pipeline.load(run.directory, host=host),
        lambda run, make, host: classes_of(run.weights),
        lambda run, make, host: make(f"init_from={run.directory}", name="other").initialize(),
        lambda run, make, host: make(f"init_from={run.weights}", name="other").initialize(),
    ],
)
def test_weights_of_a_newer_pluxel(
    train, make, host: Host, read: Callable[[Run, Any, Host], object]
) -> None:
    run = train("training.steps=1")
    read(run, make, host)
    rewrite(run.weights, None)  # as other programs write weights
    read(run, make, host)
    rewrite_as_newer(run.weights)
    with pytest.raises(PluxelError) as caught:
        read(run, make, host)
    assert f"{run.weights} {NEWER}" in str(caught.value)


def rewrite_as_newer(file: Path) -> None:
    with safe_open(file, "pt") as opened:
        metadata = dict(opened.metadata())
    save_file(load_file(file), file, {**metadata, "pluxel_format": "2"})


def test_a_checkpoint_of_a_newer_pluxel(train, make) -> None:
    run = train("training.steps=1")
    rewrite(run.state, "2")
    with pytest.raises(PluxelError) as caught:
        Trainer(make("training.steps=2"), resume=True)
    assert str(caught.value) == f"{run.state} {NEWER}"


def test_a_version_that_is_not_a_number(train, host: Host) -> None:
    run = train("training.steps=1")
    rewrite(run.weights, "two")
    with pytest.raises(PluxelError, match="cannot read weights"):
        open_trained(run.directory, host=host)
