"""A run can be used with any configuration that its weights fit."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pluxel.core import Pipeline
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.registry import PluxelError

IMAGE = np.random.default_rng(0).integers(0, 256, (33, 47, 3)).astype(np.uint8)
DENSE = [
    "decoder={type: atrous, output_stride: 2, decoder: fcn32s}",
    "decoder={type: shift_and_stitch, factor: 2, decoder: fcn32s}",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory, host) -> Run:
    from pluxel.core import load_config  # noqa: PLC0415
    from pluxel.core.engine.preparation import prepare  # noqa: PLC0415
    from pluxel.core.engine.training.experiment import Experiment  # noqa: PLC0415
    from pluxel.core.engine.training.train import Trainer  # noqa: PLC0415

    from .conftest import TOY  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("trained")
    (folder / "toy.yaml").write_text(TOY)
    run = Run(folder / "run")
    Trainer(Experiment(prepare(load_config(folder / "toy.yaml", host=host)), run)).train()
    return run


@pytest.mark.parametrize("decoder", DENSE)
def test_run_predicts_with_a_denser_decoder(run: Run, host, decoder: str) -> None:
    plain, dense = (
        Pipeline.load(run.directory, overrides, device="cpu", host=host)
        for overrides in ((), [decoder])
    )
    assert plain.model.state_dict().keys() == dense.model.state_dict().keys()
    one, other = (
        p.predict(IMAGE, probabilities=True)["semantic"].probabilities for p in (plain, dense)
    )
    assert other.shape == one.shape == (2, 33, 47)
    assert 0 < np.abs(one - other).max() < 0.5


def test_weights_that_do_not_fit_raise(run: Run, host) -> None:
    with pytest.raises(PluxelError) as caught:
        Pipeline.load(run.directory, ["backbone.width=8"], host=host)
    message = str(caught.value)
    assert message.startswith(f"{run.weights} does not fit the model of the configuration: ")
    assert "of another shape (streams.image.backbone.first.weight" in message
    assert "they differ in streams.image, heads.semantic: weights only fit the backbone" in message


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("labels.map={7: ignore}", "the label map of head 'semantic'"),
        ("heads.semantic.target=halves", "the target of head 'semantic'"),
        ("streams.image.input=depth", "the input of stream 'image'"),
        ("heads.more={decoder: fcn32s, loss: dice}", "the set of heads"),
    ],
)
def test_override_of_the_meaning_of_weights_raises(
    run: Run, host, override: str, what: str
) -> None:
    message = f"^{re.escape(what)} cannot change here: the weights were trained with it"
    with pytest.raises(PluxelError, match=message):
        evaluate_run(open_trained(run.directory, [override], host=host), "val")
    with pytest.raises(PluxelError, match=message):
        Pipeline.load(run.directory, [override], host=host)


def test_results_with_evaluation_overrides_belong_to_the_run(run: Run, host) -> None:
    for overrides in ([], ["dataset.length=4", "evaluation.batch_size=2", "device=cpu"]):
        results, written = evaluate_run(open_trained(run.directory, overrides, host=host), "val")
        assert written == run.results_of("val")
        assert json.loads(written.read_text()) == results
        assert results.get("overrides", []) == overrides


def test_results_of_a_changed_run_go_only_to_output(run: Run, host, tmp_path) -> None:
    before = run.results_of("val").read_bytes()
    results, written = evaluate_run(
        open_trained(run.directory, DENSE[:1], host=host, device="cpu"), "val"
    )
    assert written is None
    assert results["heads"]["semantic"]["overall"]
    assert run.results_of("val").read_bytes() == before
    output = tmp_path / "dense.json"
    _, written = evaluate_run(
        open_trained(run.directory, DENSE[:1], host=host), "val", output=output
    )
    assert written == output
    assert json.loads(output.read_text())["overrides"] == DENSE[:1]


def test_run_opens_on_another_device(run: Run, host) -> None:
    text = run.config.read_text()
    run.config.write_text(text.replace("device: cpu", "device: cuda:99"))
    try:
        assert Pipeline.load(run.directory, host=host)(IMAGE).shape == (33, 47)
        evaluate_run(open_trained(run.directory, ["dataset.length=1"], host=host), "val")
        for given in ({"device": "cuda:98"}, {"overrides": ["device=cuda:98"]}):
            with pytest.raises(PluxelError, match="device 'cuda:98' is not available"):
                evaluate_run(open_trained(run.directory, host=host, **given), "val")
            with pytest.raises(PluxelError, match="device 'cuda:98' is not available"):
                Pipeline.load(run.directory, host=host, **given)
    finally:
        run.config.write_text(text)


@pytest.mark.parametrize("override", ["dataset.length=3", "dataset=shapes", "loss=dice"])
def test_override_that_prediction_does_not_read_raises(run: Run, host, override: str) -> None:
    section = override[:4]
    with pytest.raises(PluxelError, match=f"^override '{override}' has no effect: '{section}"):
        Pipeline.load(run.directory, [override], host=host)
