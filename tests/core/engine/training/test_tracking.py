"""Trackers receive all that a training measures, and can neither change nor stop it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pluxel.core import Experiment, Run, Trainer, load_config, prepare
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.training import tracking
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.signals import Interrupted
from pluxel.core.engine.training.state import Diverged
from pluxel.registry import Host

FOLDER = Path(__file__).parents[1]
RECORDING = "training.trackers=[recording]"


@pytest.fixture
def host() -> Host:
    host = Host(files=[FOLDER / "toys.py", FOLDER / "toy_trackers.py"])
    assert not host.failures
    return host


@pytest.fixture
def plugin(host: Host) -> Iterator[ModuleType]:
    module = sys.modules["toy_trackers"]
    module.CALLS.clear()
    module.RELEASED.clear()
    yield module
    module.RELEASED.set()


@pytest.fixture
def calls(plugin: ModuleType) -> Callable[..., list[Any]]:
    """Return what the tracker with a name received by a method: the only value, or tuples."""

    def calls(method: str, name: str = "") -> list[Any]:
        found = [one[2:-1] for one in plugin.CALLS if one[:2] == (name, method)]
        return [one[0] if len(one) == 1 else one for one in found]

    return calls


def logged(run: Run) -> list[tuple[int, dict[str, float]]]:
    """Return what ``metrics.jsonl`` contains, without text and null, and each name of a step once.

    ``seconds`` is in each line, and a step may have two.
    """
    found: list[tuple[int, dict[str, float]]] = []
    for text in run.metrics.read_text().splitlines():
        line = json.loads(text)
        step = line.pop("step")
        seen = found[-1][1] if found and found[-1][0] == step else {}
        numbers = {k: v for k, v in line.items() if isinstance(v, float) and k not in seen}
        found.append((step, numbers))
    return found


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "plugin toy_trackers.py" in one.message]


def test_a_tracker_receives_every_scalar(train, calls) -> None:
    run = train(RECORDING)
    assert calls("scalars") == logged(run)
    assert [step for step, _ in calls("scalars")] == [2, 3, 4, 6, 6]
    ((folder, config, step),) = calls("start")
    assert (folder, step) == (run.directory, 0)
    assert config["training"]["trackers"] == [{"type": "toy_trackers.py/recording", "name": ""}]
    assert config["backbone"]["type"] == "toys.py/toy"
    results = json.loads(run.results_of("val").read_text())
    assert calls("finish") == [(results, "finished")]


def test_undefined_values_are_left_out(train, calls) -> None:
    """No image has a circle, so its scores are undefined."""
    run = train(RECORDING, "labels={map: {0: ground, 7: square, 8: circle, 9: ignore}}")
    assert '"val/accuracy/circle": null' in run.metrics.read_text()
    assert "val/accuracy/square" in calls("scalars")[-1][1]
    assert "val/accuracy/circle" not in calls("scalars")[-1][1]


def test_several_trackers_have_own_threads_and_copies(train, calls, plugin) -> None:
    train("training.trackers=[{type: recording, name: a}, {type: recording, name: b}]")
    assert len(calls("scalars", "a")) == 5
    assert calls("scalars", "a") == calls("scalars", "b")
    assert calls("start", "a") == calls("start", "b")
    threads = {(name, thread) for name, *_, thread in plugin.CALLS}
    assert threads == {("a", "tracker 'recording'"), ("b", "tracker 'recording'")}


def test_images(make, calls) -> None:
    experiment = make(RECORDING)
    trainer = Trainer(experiment)
    image = np.full((4, 5, 3), 200, np.uint8)
    with trainer.tracking.of_run(experiment.run, 0):
        trainer.tracking.images(3, {"val/pictures": image})
    ((step, images),) = calls("images")
    assert step == 3
    assert np.array_equal(images["val/pictures"], np.full((4, 5, 3), 200, np.uint8))
    assert (image == 200).all()


@pytest.mark.parametrize("method", ["start", "scalars", "finish"])
def test_one_that_raises_is_turned_off(train, calls, caplog, method: str) -> None:
    run = train(f"training.trackers=[{{type: raising, method: {method}}}, recording]")
    (warning,) = warnings(caplog)
    assert warning.startswith(
        "plugin toy_trackers.py: tracker 'raising' failed (ConnectionError: no server, "
    )
    assert "toy_trackers.py:" in warning.partition("no server")[2]
    assert warning.endswith("); it no longer tracks this training")
    assert len(calls(method, "raising")) == 1
    results = json.loads(run.results_of("val").read_text())
    ((_, status),) = calls("finish", "raising")
    assert status == ("finished" if method == "finish" else "failed")
    assert calls("scalars") == logged(run)
    assert calls("finish") == [(results, "finished")]
    assert run.weights.exists()


def test_one_that_exits_is_turned_off(train, caplog) -> None:
    assert train("training.trackers=[leaving]").weights.exists()
    assert ["SystemExit: 3" in one for one in warnings(caplog)] == [True]


def test_one_that_hangs_is_turned_off(train, calls, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "_LIMIT", 0.01)
    run = train("training.trackers=[hanging, recording]", "training.log_every=1")
    (warning,) = warnings(caplog)
    assert warning == (
        "plugin toy_trackers.py: tracker 'hanging' hangs: 'scalars' did not return within 0.01 s; "
        "it no longer tracks this training"
    )
    assert len(calls("scalars", "hanging")) == 1
    assert run.weights.exists()


def test_one_that_hangs_at_the_end_is_left_behind(train, calls, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "_LIMIT", 0.3)
    train("training.trackers=[{type: hanging, method: finish}]")
    assert warnings(caplog) == [
        "plugin toy_trackers.py: tracker 'hanging' did not finish within 0.3 s; "
        "it no longer tracks this training"
    ]


def test_a_slow_one_misses_values(train, calls, plugin, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "_WAITING", 2)
    log = Run.log
    monkeypatch.setattr(Run, "log", lambda run, record: (log(run, record), release(record)))

    def release(record: dict[str, Any]) -> None:
        if record["step"] == 6:
            plugin.RELEASED.set()

    train("training={trackers: [{type: hanging, method: start}], log_every: 1}")
    assert warnings(caplog) == [
        "plugin toy_trackers.py: tracker 'hanging' is too slow: what it cannot take in time is "
        "left out"
    ]
    assert [step for step, _ in calls("scalars", "hanging")][:2] == [1, 2]
    assert len(calls("scalars", "hanging")) < 8
    assert calls("finish", "hanging")[0][1] == "finished"


def test_interrupted_and_resumed(train, make, calls, monkeypatch) -> None:
    trainer = Trainer(make(RECORDING, "training.checkpoint_every=2"))
    record = trainer.current._record

    def stop(*arguments: Any) -> None:
        record(*arguments)
        if trainer.current.progress.step == 4:
            trainer.current.stopped_by = signal.SIGTERM

    monkeypatch.setattr(trainer.current, "_record", stop)
    with pytest.raises(Interrupted):
        trainer.train()
    ((results, status),) = calls("finish")
    assert (results["step"], status) == (3, "interrupted")
    run = train(RECORDING, resume=True)
    assert [step for _, _, step in calls("start")] == [0, 4]
    assert [status for _, status in calls("finish")] == ["interrupted", "finished"]
    assert calls("scalars") == logged(run)


def test_a_second_training_of_a_trainer(make, calls) -> None:
    trainer = Trainer(make(RECORDING))
    for _ in range(2):
        trainer.train()
    assert [step for _, _, step in calls("start")] == [0, 6]
    assert [status for _, status in calls("finish")] == ["finished", "finished"]


def test_failed(train, calls) -> None:
    with pytest.raises(Diverged):
        train(RECORDING, "loss={type: breaks, after: 2}")
    assert calls("finish") == [({}, "failed")]


def test_phases_are_one_training(train, calls) -> None:
    train(
        RECORDING,
        "training={steps: null, log_every: 1, eval_every: 2, "
        "phases: [{name: first, steps: 2}, {name: then, steps: 2}]}",
    )
    assert len(calls("start")) == len(calls("finish")) == 1
    assert [step for step, _ in calls("scalars")] == [1, 2, 2, 3, 4, 4]


def test_a_phase_cannot_have_trackers(make) -> None:
    with pytest.raises(ConfigError, match="a phase cannot set 'trackers', which is the same"):
        make("training={steps: null, phases: [{steps: 2, trackers: [recording]}, {steps: 2}]}")


def test_a_tracker_is_listed_once(make) -> None:
    make("training.trackers=[recording, {type: recording, name: a}]")
    with pytest.raises(ConfigError) as caught:
        make("training.trackers=[recording, toy_trackers.py/recording]")
    assert "tracker 'recording' is listed twice with the same parameters" in str(caught.value)


def test_only_the_main_process_tracks(make, plugin, monkeypatch) -> None:
    experiment = make(RECORDING)
    monkeypatch.setattr(experiment.processes, "is_main_process", False)
    trainer = Trainer(experiment)
    with trainer.tracking.of_run(experiment.run, 0):
        trainer.tracking.scalars(1, {"train/loss": 0.5})
    assert plugin.CALLS == []


def test_one_that_cannot_be_built_is_an_error_before_the_training(
    make: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pluxel.plugins.trackers._package.find_spec", lambda name: None)
    trackers = "training.trackers=[recording, impossible, wandb, mlflow]"
    experiment = make(trackers)
    expected = [
        "tracker 'impossible' of plugin toy_trackers.py cannot be built (OSError: no license)",
        "tracker 'wandb' needs the package wandb, which is not installed: "
        "pip install 'pluxel[wandb]'",
        "tracker 'mlflow' needs the package mlflow, which is not installed: "
        "pip install 'pluxel[mlflow]'",
    ]
    for check in (lambda: check_training(experiment.whole), lambda: Trainer(experiment)):
        with pytest.raises(ConfigError) as caught:
            check()
        assert [problem.message for problem in caught.value.problems] == expected
    assert not experiment.run.config.exists()


def test_an_unknown_tracker(make) -> None:
    with pytest.raises(ConfigError, match="unknown tracker 'tensorbord'. Did you mean 'tensorboa"):
        make("training.trackers=[tensorbord]")


def test_prepared_trackers_survive_a_dump(make, tmp_path: Path, host: Host) -> None:
    experiment = make("training.trackers=[csv, {type: recording, name: a}]")
    file = tmp_path / "dump.yaml"
    file.write_text(experiment.config.dump())
    again = prepare(load_config(file, host=host)).config.pipeline.training.trackers
    assert again == experiment.config.pipeline.training.trackers
    assert [one.component.qualified for one in again] == ["pluxel/csv", "toy_trackers.py/recording"]
