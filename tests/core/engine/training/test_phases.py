"""A training of several phases is one run: one history, resumable anywhere."""

from __future__ import annotations

import json
import weakref

import pytest
import torch
from pluxel.core import Pipeline, load_config
from pluxel.core.engine import run as run_module
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.keeping import Keeper
from pluxel.core.engine.training.phase import PhaseTrainer
from pluxel.core.engine.training.signals import Interrupted
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host, PluxelError

from ..conftest import TOY
from .test_train import records, same

pytestmark = pytest.mark.slow

PHASES = (
    TOY
    + """\
  phases:
    - {name: coarse, ema: 0.9, augment: {train: [{RandomCrop: {height: 16, width: 16}}]}}
    - {name: fine, steps: 4, eval_every: 2, decoder: mixing, optimizer: {type: sgd, lr: 0.02}}
"""
)


@pytest.fixture
def train_phases(train):
    return lambda *overrides, **options: train(*overrides, text=PHASES, **options)


@pytest.fixture
def whole(train_phases) -> Run:
    return train_phases(name="whole")


def stop_in(monkeypatch, step: int) -> None:
    """Interrupt the training as by a signal, after a step counted over all phases."""
    after_step = PhaseTrainer._after_step

    def stopping(trainer: PhaseTrainer) -> None:
        trainer.stopped_by = 15 * (trainer.progress.total == step)
        after_step(trainer)

    monkeypatch.setattr(PhaseTrainer, "_after_step", stopping)


def test_a_phase_ends_with_what_a_training_of_its_own_ends_with(whole, train):
    crop = "augment.train=[{RandomCrop: {height: 16, width: 16}}]"
    alone = train("training.ema=0.9", crop, name="alone")
    kept = whole.phase("coarse")
    assert same(kept.weights, alone.weights)
    scores, expected = (
        json.loads(run.results_of("val").read_text())["heads"] for run in (kept, alone)
    )
    assert scores == expected


def test_a_phase_starts_from_what_the_phase_before_kept(whole, make):
    following = make(text=PHASES, name="whole").in_phase(1)
    following.initialize()
    kept = read_tensors(whole.phase("coarse").weights)[0]
    state = following.model.state_dict()
    carried = {name for name in state if name in kept and torch.equal(state[name], kept[name])}
    # The decoders differ, but both have a layer ``score`` with a bias per class.
    streams = {name for name in kept if name.startswith("streams.")}
    assert carried == streams | {"heads.semantic.decoders.image.score.bias"}


def test_a_run_has_one_history(whole):
    lines = [json.loads(line) for line in whole.metrics.read_text().splitlines()]
    evaluations = [(line["step"], line["phase"]) for line in lines if "val/loss" in line]
    assert evaluations == [(3, "coarse"), (6, "coarse"), (8, "fine"), (10, "fine")]
    rates = {line["phase"]: line["lr"] for line in lines if "lr" in line}
    assert rates == {"coarse": 0.01, "fine": 0.02}
    assert sorted(line["step"] for line in lines) == [line["step"] for line in lines]
    results = json.loads(whole.results_of("val").read_text())
    assert results["phase"] == read_tensors(whole.weights)[1]["phase"] == "fine"
    assert results["step"] == read_tensors(whole.weights)[1]["step"] in (8, 10)


def test_samples_and_dropout_differ_between_phases(make):
    experiment = make(text=PHASES)
    assert experiment.seed == experiment.config.pipeline.seed
    assert experiment.in_phase(1).seed != experiment.seed
    assert experiment.in_phase(0) is experiment


@pytest.mark.parametrize("step", [2, 5, 6, 7, 9])
def test_resumed_anywhere_it_equals_an_uninterrupted_training(
    whole, train_phases, monkeypatch, step
):
    with monkeypatch.context() as patched:
        stop_in(patched, step)
        with pytest.raises(Interrupted, match="--resume auto continues from there"):
            train_phases(name="parts")
    parts = train_phases(name="parts", resume=True)
    assert same(whole.state, parts.state)
    assert same(whole.weights, parts.weights)
    assert same(whole.phase("coarse").weights, parts.phase("coarse").weights)
    assert records(whole) == records(parts)


def test_a_phase_that_resumes_at_its_start_has_lost_nothing(
    whole, train_phases, monkeypatch, caplog
):
    real = PhaseTrainer.save_state

    def killed(trainer: PhaseTrainer) -> None:
        real(trainer)
        if trainer.progress.phase == "fine":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PhaseTrainer, "save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            train_phases(name="parts")
    caplog.set_level("INFO")
    caplog.clear()
    train_phases(name="parts", resume=True)
    assert "resuming after step 0 of 4 of phase 'fine'" in caplog.text
    assert "optimizer state" not in caplog.text
    assert "trained 10 steps in" in caplog.text


def test_the_message_names_the_phase(train_phases, monkeypatch):
    stop_in(monkeypatch, 6)
    with pytest.raises(Interrupted, match="stopped after step 6 of 6 of phase 'coarse'"):
        train_phases()


def in_fine(owner: PhaseTrainer | Keeper, *_: object) -> bool:
    return owner.progress.phase == "fine"


KILLS = {
    "before the phase is kept": (Run, "keep_phase", lambda *_: True),
    "while the phase is kept": (
        run_module,
        "copy_file",
        lambda source, _: source.suffix == ".json",
    ),
    "before the first checkpoint of a phase": (PhaseTrainer, "save_state", in_fine),
    "between weights and scores of the new phase": (Keeper, "_write_results", in_fine),
}


@pytest.mark.parametrize("place", KILLS)
def test_a_kill_between_phases_loses_nothing(whole, train_phases, monkeypatch, place):
    owner, name, applies = KILLS[place]
    real = getattr(owner, name)

    def killed(*arguments, **options):
        if applies(*arguments):
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            train_phases(name="parts")
    parts = train_phases(name="parts", resume=True)
    assert same(whole.state, parts.state)
    assert same(whole.weights, parts.weights)
    assert same(whole.phase("coarse").weights, parts.phase("coarse").weights)
    kept = [run.phase("coarse").results_of("val").read_text() for run in (whole, parts)]
    assert kept[0] == kept[1]


def test_until_a_phase_keeps_weights_the_run_predicts_with_those_before(
    make, train_phases, monkeypatch, host
):
    run = make(text=PHASES).run
    stop_in(monkeypatch, 7)
    with pytest.raises(Interrupted):
        train_phases()
    trained = open_trained(run.directory, host=host)
    assert trained.config.pipeline.heads["semantic"].decoder.component.name == "fcn32s"
    assert trained.step in (3, 6)
    Pipeline.load(run.directory, device="cpu", host=host)


def test_a_run_and_its_phases_predict_and_take_overrides(whole, host):
    for directory, decoder in (
        (whole.directory, "mixing"),
        (whole.phase("coarse").directory, "fcn32s"),
    ):
        trained = open_trained(directory, ["evaluation.batch_size=2"], device="cpu", host=host)
        assert trained.config.pipeline.heads["semantic"].decoder.component.name == decoder
        assert trained.changed == {"evaluation"}
        results, _ = evaluate_run(trained, "val", output=directory / "again.json")
        assert results["phase"] == json.loads((directory / "results.json").read_text())["phase"]
        Pipeline.load(directory, device="cpu", host=host)


def test_overrides_of_a_run_reach_the_phase_of_its_weights(whole, host):
    dense = "decoder={type: shift_and_stitch, factor: 2, decoder: fcn32s}"
    trained = open_trained(whole.phase("coarse").directory, [dense], host=host)
    assert trained.config.pipeline.heads["semantic"].decoder.component.name == "shift_and_stitch"
    Pipeline.load(whole.directory, ["decoder.type=mixing"], device="cpu", host=host)


def test_a_finished_training_continues_with_another_phase(whole, train, caplog):
    caplog.set_level("INFO", "pluxel")
    more = PHASES + "    - {name: last, steps: 2, decoder: mixing}\n"
    train(text=more, name="whole", resume=True)
    assert read_tensors(whole.state)[1]["progress"]["earlier"] == 10
    assert "phase 'last': 2 steps" in caplog.text
    assert "phase 'coarse'" not in caplog.text
    assert whole.phase("fine").weights.exists()


def test_early_stop_ends_a_phase_and_not_the_training(train):
    stopping = PHASES.replace("name: coarse,", "name: coarse, early_stop: {patience: 1},")
    stopping = stopping.replace("ema: 0.9,", "ema: 0.9, eval_every: 1, optimizer: {lr: 1e-9},")
    run = train(text=stopping)
    progress = read_tensors(run.state)[1]["progress"]
    assert progress["earlier"] < 6
    assert progress["step"] == 4


def test_a_phase_can_freeze_what_another_one_trains(train, make):
    frozen = PHASES.replace(
        "name: coarse,", "name: coarse, groups: [{match: first, frozen: true}],"
    )
    run, experiment = train(text=frozen, name="run"), make(text=frozen, name="start")
    experiment.initialize()
    name = "streams.image.backbone.first.weight"
    start = experiment.model.state_dict()[name]
    assert torch.equal(start, read_tensors(run.phase("coarse").weights)[0][name])
    assert not torch.equal(start, read_tensors(run.weights)[0][name])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOY, "is a checkpoint of phase 'fine', but the configuration has no phases"),
        (
            PHASES.replace("name: fine", "name: finer"),
            "is a checkpoint of phase 'fine', but the configuration has 'coarse', 'finer'",
        ),
    ],
)
def test_a_checkpoint_of_a_phase_that_is_gone_is_refused(whole, make, text, message):
    with pytest.raises(PluxelError, match=message):
        Trainer(make(text=text, name="whole"), resume=True)


def test_a_checkpoint_without_phases_is_refused(train, make):
    train()
    message = "is of a training without phases, but the configuration has 'coarse', 'fine'"
    with pytest.raises(PluxelError, match=message):
        Trainer(make(text=PHASES), resume=True)


def test_overwriting_deletes_the_phases_and_nothing_else(whole, make):
    own = whole.phase("coarse").directory / "notes.txt"
    own.write_text("mine")
    other = whole.directory / "phases" / "mine" / "config.yaml"
    other.parent.mkdir()
    other.write_text("backbone: toy\n")
    make(text=PHASES, name="whole").clear_run()
    kept = {path.name for path in whole.directory.rglob("*") if path.is_file()}
    assert kept == {"notes.txt", "config.yaml"}
    assert not whole.phase("fine").directory.exists()


def test_a_kept_phase_shares_its_bytes_with_the_run(train_phases, make, monkeypatch):
    """The weights of a phase are the file of the run, until the next phase replaces that."""
    run = make(text=PHASES).run
    stop_in(monkeypatch, 7)
    with pytest.raises(Interrupted):
        train_phases()
    kept = run.phase("coarse").weights
    assert kept.samefile(run.weights)
    stop_in(monkeypatch, -1)
    train_phases(resume=True)
    assert not kept.samefile(run.weights)
    assert kept.stat().st_nlink == 1


def test_a_finished_phase_leaves_memory(make, monkeypatch):
    """On a GPU, two phases must not need the memory of two models and optimizers."""
    trainer = Trainer(make(text=PHASES))
    models = {"coarse": weakref.ref(trainer.current.experiment.model)}
    optimizers = {"coarse": weakref.ref(trainer.current.state.optimizer)}
    train, alive = PhaseTrainer.train, []

    def looking(phase: PhaseTrainer) -> None:
        alive.append([each() is not None for each in (models["coarse"], optimizers["coarse"])])
        train(phase)

    monkeypatch.setattr(PhaseTrainer, "train", looking)
    trainer.train()
    assert alive == [[True, True], [False, False]]


@pytest.fixture
def check(tmp_path, host: Host):
    def check(text: str) -> list[str]:
        path = tmp_path / "toy.yaml"
        path.write_text(text)
        return check_training(prepare(load_config(path, host=host)))

    return check


def test_the_check_looks_at_every_phase(check):
    long = "schedule: {type: poly, warmup_steps: 5}"
    (note,) = check(PHASES.replace("name: fine,", f"name: fine, {long},"))
    assert note.startswith("phase 'fine': training.schedule.warmup_steps is 5")
    assert check(PHASES) == []
    broken = PHASES.replace("name: coarse,", "name: coarse, groups: [{match: nothing}],")
    broken = broken.replace("name: fine,", "name: fine, groups: [{match: neither}],")
    with pytest.raises(PluxelError) as error:
        check(broken)
    assert "'nothing'" in str(error.value)
    assert "'neither'" in str(error.value)


def test_a_mistake_common_to_all_phases_is_reported_once(check):
    text = PHASES.replace("decoder: mixing, ", "")
    text = text.replace("eval_every: 3", "eval_every: 3\n  groups: [{match: nothing}]")
    with pytest.raises(PluxelError) as error:
        check(text)
    assert str(error.value).count("'nothing'") == 1
