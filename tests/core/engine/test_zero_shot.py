"""Train, evaluate and use a run with classes unseen in training, without the words."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from pluxel.core import Pipeline
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.evaluation.table import table
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import PluxelError

PROJECTED = "decoder={type: semantic_projection, embedding: words, decoder: fcn32s}"
UNSEEN = "zero_shot={unseen: [square]}"


@pytest.fixture
def run(train):
    return train(PROJECTED, UNSEEN, "training.monitor=val/harmonic_mean_iou")


def in_place_of_words(values):
    """Return overrides that make the words unavailable."""
    return ["decoder.embedding={type: words, missing: true}", *values]


def test_results_separate_seen_and_unseen_classes(run, host):
    found = json.loads(run.results_of("val").read_text())["heads"]["semantic"]
    assert found["zero_shot"]["unseen"] == ["square"]
    per_class = {name: scores["iou"] for name, scores in found["per_class"].items()}
    assert found["zero_shot"]["seen_mean_iou"] == pytest.approx(per_class["ground"])
    assert found["zero_shot"]["unseen_mean_iou"] == pytest.approx(per_class["square"])
    assert "val/unseen_mean_iou" in run.metrics.read_text()


def test_unseen_classes_give_no_gradient(make):
    """With two classes, one of them unseen, a softmax over one class has no gradient."""
    trainer = Trainer(make(PROJECTED, UNSEEN))
    before = {n: v.clone() for n, v in trainer.current.experiment.model.heads.state_dict().items()}
    trainer.train()
    for name, value in trainer.current.experiment.model.heads.named_parameters():
        torch.testing.assert_close(value.detach(), before[name])
    assert len(before) > 0


def test_class_weights_cover_only_seen_classes(make):
    objective = make(PROJECTED, "loss.class_weights={ground: 2}", UNSEEN).objective
    assert objective.chosen_weights == {"ground": 2}
    with pytest.raises(ConfigError, match="square"):
        _ = make(PROJECTED, "loss.class_weights={square: 2}", UNSEEN).objective


def test_head_owns_its_seen_classes(make):
    """Losses and evaluation share one object, so names are resolved once."""
    experiment = make(PROJECTED, UNSEEN)
    seen = experiment.model.heads["semantic"].seen
    assert seen.unseen_names == ["square"]
    assert experiment.objective.seen["semantic"] is seen
    assert experiment.evaluate(experiment.model, "val").seen["semantic"] is seen
    assert make("decoder=fcn32s").model.heads["semantic"].seen is None


def test_run_predicts_without_words(run, host):
    pipeline = Pipeline.load(run.directory, in_place_of_words([]), host=host)
    assert pipeline(np.zeros((20, 24, 3), np.uint8)).shape == (20, 24)
    evaluate_run(open_trained(run.directory, in_place_of_words([]), host=host), "val")


def test_run_keeps_dimensions_of_nested_decoders(train, host):
    inner = PROJECTED.removeprefix("decoder=")
    run = train(f"decoder={{type: shift_and_stitch, decoder: {inner}}}")
    assert yaml.safe_load(run.config.read_text())["decoder"]["decoder"]["dim"] == 3
    away = "decoder.decoder.embedding={type: words, missing: true}"
    pipeline = Pipeline.load(run.directory, [away], host=host)
    assert pipeline(np.zeros((20, 24, 3), np.uint8)).shape == (20, 24)


@pytest.mark.parametrize(
    "loss", ["{semantic}", "{{type: weighted_sum, terms: [{{loss: {semantic}}}, {{loss: dice}}]}}"]
)
def test_run_without_words_for_its_loss_is_evaluated_without_loss(
    train, host, tmp_path, loss, caplog
):
    words = tmp_path / "words.txt"
    words.write_text("ground 1 0\nsquare 0 1\n")
    semantic = f"{{type: semantic, embedding: {{type: glove, file: {words}, cache: {tmp_path}}}}}"
    run = train("loss=" + loss.format(semantic=semantic))
    before = json.loads(run.results_of("val").read_text())
    assert before["loss"] > 0
    words.unlink()
    found, _ = evaluate_run(open_trained(run.directory, host=host), "val")
    assert found["loss"] is None
    assert found["heads"] == before["heads"]
    assert f"cannot compute the loss: {run.config}" in caplog.text
    assert f"{words}: no such file" in caplog.text
    assert table(found).splitlines()[-1] == f"loss unknown, split val, step {found['step']}"


def test_classes_can_be_added_after_training(run, host):
    added = "zero_shot={unseen: [square], added: {40: circle}, calibration: 1000}"
    pipeline = Pipeline.load(run.directory, [added], host=host)
    vectors = pipeline.model.heads["semantic"].decoders["image"].class_vectors
    expected = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 2**-0.5, 2**-0.5]])
    torch.testing.assert_close(vectors.cpu(), expected)
    assert set(np.unique(pipeline(np.zeros((20, 24, 3), np.uint8)))) <= {7, 40}
    with pytest.raises(PluxelError, match="no words here"):
        Pipeline.load(run.directory, in_place_of_words([added]), host=host)


def test_added_class_with_used_raw_id_raises(run, host):
    with pytest.raises(PluxelError, match="the raw id 7 already means 'square'"):
        Pipeline.load(run.directory, ["zero_shot={added: {7: circle}}"], host=host)


def test_calibration_lowers_seen_scores_only_in_evaluation(make):
    plain, lowered = (
        make(PROJECTED, f"zero_shot={{unseen: [square], calibration: {value}}}")
        for value in (0, 0.5)
    )
    image = {"image": torch.zeros(1, 3, 20, 24, dtype=torch.uint8)}
    lowered.model.load_state_dict(plain.model.state_dict())
    for train, expected in ((True, [0, 0]), (False, [-0.5, 0])):
        scores = []
        for experiment in (plain, lowered):
            torch.manual_seed(0)
            experiment.model.train(train)
            scores.append(experiment.model(image)["semantic"].tensor)
        difference = (scores[1] - scores[0]).mean((0, 2, 3))
        assert difference.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{unseen: [squre]}", "zero_shot.*'squre'. Did you mean 'square'?"),
        ("{unseen: [square, ground]}", "training needs at least one seen class"),
        ("{unsen: [square]}", "unsen"),
        ("{unseen: []}", "zero_shot lists no class: give 'unseen' or 'added'"),
        ("{unseen: [square], calibration: .nan}", "calibration"),
        ("{calibration: 1}", "zero_shot lists no class: give 'unseen' or 'added'"),
        ("{added: {0: circle}}", "the raw id 0 already means 'ground'"),
    ],
)
def test_check_reports_invalid_sections(make, section, message):
    def check():
        check_training(make(PROJECTED, f"zero_shot={section}").prepared)

    with pytest.raises(ConfigError, match=message):
        check()


@pytest.mark.parametrize(
    "decoder",
    ["fcn32s", "{type: shift_and_stitch, decoder: fcn32s}"],
)
def test_decoders_without_word_vectors_are_rejected(make, decoder):
    check_training(make(f"decoder={decoder}", "labels.map={7: square}").prepared)
    message = "zero_shot.*learns each class from its pixels.*semantic_projection"
    with pytest.raises(ConfigError, match=message):
        _ = make(f"decoder={decoder}", UNSEEN).model


def test_decoder_that_runs_the_backbone_may_score_by_names(make):
    decoder = f"{{type: shift_and_stitch, {PROJECTED.replace('=', ': ')}}}"
    check_training(make(f"decoder={decoder}", UNSEEN).prepared)


def test_check_reports_names_without_vectors(make):
    prepared = make(PROJECTED, "labels.map={7: zebra}").prepared
    with pytest.raises(ConfigError, match="zebra"):
        check_training(prepared)


def test_wrong_word_dimension_raises(make):
    with pytest.raises(ConfigError, match="dim is 4, but the embedding has 3"):
        check_training(make(PROJECTED, "decoder.dim=4").prepared)


def test_class_vectors_are_saved_with_the_weights(run):
    tensors = read_tensors(run.weights)[0]
    names = bytes(tensors["heads.semantic.decoders.image.class_names"].tolist()).decode()
    assert names == "ground\nsquare"


def test_missing_words_are_a_note(make, tmp_path):
    """The check downloads nothing; training does."""
    glove = f"{{type: glove, name: 6B, dim: 50, cache: {tmp_path}, download: true}}"
    decoder = f"decoder={{type: semantic_projection, embedding: {glove}, decoder: fcn32s, dim: 50}}"
    loss = f"loss={{type: semantic, embedding: {{type: glove, file: {tmp_path}/none.txt}}}}"
    notes = check_training(make(decoder, loss).prepared)
    assert len(notes) == 2
    assert f"{tmp_path}/none.txt: no such file" in notes[0]
    assert "glove.6B.zip" in notes[1]
    assert "and will be downloaded" in notes[1]
    assert [*tmp_path.glob("embeddings/*")] == []
