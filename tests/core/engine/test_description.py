"""Describing runs: the network whose weights were kept, and overrides that do not change it."""

from __future__ import annotations

import pytest
from pluxel.core.engine import description
from pluxel.core.engine.checkpoint import read_tensors, write_tensors
from pluxel.core.engine.description import describe
from pluxel.core.engine.run import Run
from pluxel.registry import PluxelError

from .conftest import TOY

PHASES = (
    TOY
    + """\
  phases:
    - {name: coarse, steps: 1}
    - {name: fine, steps: 1, decoder: mixing}
"""
)


def decoder_of(run: Run, host, *overrides: str) -> str:
    """The names of the layers of the only decoder."""
    parts = describe(str(run.directory), overrides, size=(32, 32), host=host).summary.parts
    return " ".join(call.name for part in parts[1:] for call in part.calls)


def test_the_phase_of_the_kept_weights_is_described(train, host) -> None:
    """A training that was interrupted early has weights of its first phase only."""
    run = train(text=PHASES)
    assert "mix" in decoder_of(run, host)
    run.phase("coarse").weights.replace(run.weights)
    assert "mix" not in decoder_of(run, host)
    assert "score" in decoder_of(run, host)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("labels.map={0: a, 7: b}", "the label map of head 'semantic' cannot change here"),
        ("dataset.root=x", "override 'dataset.root=x' has no effect: 'dataset' is not read here"),
        ("loss=focal", "override 'loss=focal' has no effect: 'loss' is not read here"),
    ],
)
def test_overrides_that_prediction_refuses_are_refused(
    train, host, override: str, message: str
) -> None:
    run = train("training.steps=1")
    with pytest.raises(PluxelError) as caught:
        decoder_of(run, host, override)
    assert str(caught.value).startswith(message)


def test_weights_of_another_program_are_refused(train, host) -> None:
    run = train("training.steps=1")
    tensors, metadata = read_tensors(run.weights)
    del metadata["blueprint"]
    write_tensors(run.weights, tensors, metadata)
    with pytest.raises(PluxelError) as caught:
        decoder_of(run, host)
    assert str(caught.value) == (f"{run.weights} was not written by pluxel train: no 'blueprint'")


def test_a_network_that_does_not_run_without_data(make, host, monkeypatch, tmp_path) -> None:
    make()  # writes the configuration

    def fail(*_arguments: object) -> None:
        raise RuntimeError("values are needed")

    monkeypatch.setattr(description, "summarize", fail)
    with pytest.raises(PluxelError) as caught:
        description.describe(str(tmp_path / "toy.yaml"), size=(24, 32), host=host)
    assert caught.value.message == (
        "the network cannot be described for an image of 24×32 pixels (height × width), because "
        "it fails in prediction or in training, tried on a tensor without data"
    )
    assert caught.value.notes == ("RuntimeError: values are needed",)
