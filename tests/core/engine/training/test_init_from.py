"""Weights of a run with other classes: rows are copied by the names of the classes."""

from __future__ import annotations

import logging

import pytest
import torch
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.check import check_training
from safetensors.torch import load_file, save_file

BEFORE = "labels.map={0: a, 7: b, 9: c}"
PREFIX = "heads.semantic.decoders.image."


def adopted(make, train, *overrides: str, before: str = BEFORE):
    """Return the weights of a source run, new weights, and both after ``init_from``."""
    source = train(before, *overrides, "training.steps=1", name="source")
    saved = read_tensors(source.weights)[0]
    experiment = make(*overrides, f"init_from={source.directory}", "seed=5", name="target")
    fresh = {name: value.clone() for name, value in experiment.model.state_dict().items()}
    experiment.initialize()
    return saved, fresh, experiment.model.state_dict()


@pytest.mark.parametrize("now", ["{0: c, 7: a, 9: b}", "{0: b, 7: c}", "{0: c, 7: d, 9: a, 5: e}"])
def test_rows_follow_the_names_of_classes(make, train, now: str) -> None:
    classes = [part.split(": ")[1] for part in now.strip("{}").split(", ")]
    if len(classes) == 2:
        now = "{0: b, 7: c, 9: ignore}"
    saved, fresh, found = adopted(
        lambda *a, **k: make(f"labels.map={now}", *a, **k), train, "decoder=mixing"
    )
    rows = {i: "abc".index(name) for i, name in enumerate(classes) if name in "abc"}
    for name in ("score.weight", "score.bias", "mix.bias", "smooth.weight", "smooth.bias"):
        for i in range(len(classes)):
            expected = saved[PREFIX + name][rows[i]] if i in rows else fresh[PREFIX + name][i]
            assert torch.equal(found[PREFIX + name][i], expected)
    for i in range(len(classes)):
        for j in range(len(classes)):
            known = i in rows and j in rows
            old = saved[PREFIX + "mix.weight"][rows[i], rows[j]] if known else None
            expected = old if known else fresh[PREFIX + "mix.weight"][i, j]
            assert torch.equal(found[PREFIX + "mix.weight"][i, j], expected)
    assert torch.equal(found[PREFIX + "hidden.weight"], saved[PREFIX + "hidden.weight"])
    assert found[PREFIX + "scale"].shape == (1, len(classes), 1, 1)


def test_score_layers_start_anew_without_a_common_class(make, train, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="pluxel"):
        saved, fresh, found = adopted(
            lambda *a, **k: make("labels.map={0: sky, 7: sea, 9: land}", *a, **k), train
        )
    score = PREFIX + "score.weight"
    assert torch.equal(found[score], fresh[score])
    first = "streams.image.backbone.first.weight"
    assert torch.equal(found[first], saved[first])
    assert any(
        line.endswith("classes of head 'semantic' by name: new sky, sea, land, left out a, b, c")
        for line in caplog.messages
    )


def test_equal_classes_are_copied_without_a_word(make, train, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="pluxel"):
        saved, _, found = adopted(lambda *a, **k: make(BEFORE, *a, **k), train)
    assert all(torch.equal(found[name], value) for name, value in saved.items())
    assert not [line for line in caplog.messages if "by name" in line]


def test_saved_names_of_classes_belong_to_the_new_run(make, train) -> None:
    """Their bytes have the same length, so the tensors have the same shape."""
    words = "decoder={type: semantic_projection, embedding: words, decoder: fcn32s}"
    _, _, found = adopted(
        lambda *a, **k: make("labels.map={0: square, 7: ground, 9: ignore}", *a, **k),
        train,
        words,
        before="labels.map={0: ground, 7: square, 9: ignore}",
    )
    assert bytes(found[PREFIX + "class_names"].tolist()).decode() == "square\nground"
    assert found[PREFIX + "class_vectors"].tolist() == [[0, 1, 0], [1, 0, 0]]


def test_plain_weights_are_copied_by_position(make, train, tmp_path) -> None:
    source = train(BEFORE, "training.steps=1", name="source")
    save_file(load_file(source.weights), tmp_path / "plain.safetensors")
    plain = f"init_from={tmp_path / 'plain.safetensors'}"
    experiment = make("labels.map={0: c, 7: a, 9: b}", plain, name="target")
    experiment.initialize()
    name = PREFIX + "score.weight"
    assert torch.equal(experiment.model.state_dict()[name], load_file(source.weights)[name])


def test_evaluation_refuses_labels_of_another_meaning(train, host) -> None:
    run = train("training.steps=1")
    trained = open_trained(run.directory, ["dataset.swapped=true"], host=host)
    message = "label 0 of the dataset is 'square', but the weights were trained with 'ground'"
    with pytest.raises(ConfigError, match=message):
        evaluate_run(trained, "val")


@pytest.mark.parametrize("part", ["", "streams.image.backbone.", "heads."])
def test_the_normalization_comes_with_the_backbone(make, tmp_path, part: str) -> None:
    """Weights of decoders alone do not change what the backbone expects."""
    experiment = make()
    own = {name: value + 1 for name, value in experiment.model.state_dict().items()}
    kept = {n: v for n, v in own.items() if n.startswith(part) or ".normalize." in n}
    save_file(kept, tmp_path / "w.safetensors")
    adopting = make(f"init_from={tmp_path / 'w.safetensors'}")
    before = adopting.model.state_dict()["streams.image.normalize.mean"].clone()
    adopting.initialize()
    found = adopting.model.state_dict()
    name = "streams.image.normalize.mean"
    assert torch.equal(found[name], before if part == "heads." else own[name])
    assert all(torch.equal(found[n], v) for n, v in kept.items() if ".normalize." not in n)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", b"epoch 3, loss 0.2\n", "w.pt is a text file that begins with 'epoch 3, loss 0"),
        ("w.yaml", b"decoder: fcn8s\n", "w.yaml is a text file that begins with 'decoder: fcn8s'"),
        ("w.pt", None, "cannot read weights; the file may be truncated"),
        ("w.safetensors", b"\x09", "cannot read weights; the file may be truncated"),
        ("other.pt", {"a.weight": torch.ones(2)}, "no weights fit the model: it needs streams."),
    ],
)
def test_the_check_opens_the_weights(make, tmp_path, name: str, content, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content or {"a": torch.ones(99)}, path)
    if content is None:
        path.write_bytes(path.read_bytes()[:300])
    experiment = make(f"init_from={path}")
    for check in (lambda: check_training(experiment.prepared), experiment.initialize):
        with pytest.raises(ConfigError, match=message):
            check()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_the_check_reads_the_values_of_weights(make, tmp_path, name: str, value: float) -> None:
    state = dict(make().model.state_dict())
    key = PREFIX + "score.weight"
    state = {n: torch.zeros(t.shape) for n, t in state.items()}
    state[key].view(-1)[-1] = value
    torch.save(state, tmp_path / name) if name == "w.pt" else save_file(state, tmp_path / name)
    experiment = make(f"init_from={tmp_path / name}")
    for check in (lambda: check_training(experiment.prepared), experiment.initialize):
        with pytest.raises(ConfigError, match=f"{name}: the values of {key} are not finite"):
            check()
