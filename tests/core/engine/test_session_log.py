"""The sessions of a training: when, where, with which versions, and how they ended."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime
from pathlib import Path

import pytest
import torch
from pluxel.core import Trainer
from pluxel.core.common.json_files import DamagedFile
from pluxel.core.engine.checkpoint import read_metadata
from pluxel.core.engine.session_log import SessionLog
from pluxel.core.engine.training.signals import Interrupted
from pluxel.core.engine.training.state import Diverged

pytestmark = pytest.mark.slow


def test_a_training_records_its_sessions(make, train) -> None:
    trainer = Trainer(make())
    backward = trainer.current.updater._backward

    def interrupted(*batch):
        if trainer.current.progress.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return backward(*batch)

    trainer.current.updater._backward = interrupted
    with pytest.raises(Interrupted):
        trainer.train()
    run = train(resume=True)
    first, second = SessionLog.read(run.session_log).sessions
    assert (first.status, first.first_step, first.last_step) == ("interrupted", 0, 2)
    assert (second.status, second.first_step, second.last_step) == ("finished", 2, 6)
    times = [datetime.fromisoformat(t) for t in (first.started, first.ended, second.started)]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)
    assert second.machine["device"] == "cpu"
    assert second.versions["torch"] == torch.__version__.partition("+")[0]
    content = run.session_log.read_text()
    assert os.uname().nodename not in content
    run.delete()
    assert not run.session_log.exists()


def test_origins_are_those_of_the_files_and_overrides(train) -> None:
    origins = SessionLog.read(train("training.steps=1").session_log).origins
    file, line, column = origins["training.batch_size"].rsplit(":", 2)
    assert (Path(file).name, line, column) == ("toy.yaml", "8", "15")
    assert origins["training.steps"] == "override 'training.steps=1'"
    assert "evaluation.workers" not in origins


def test_a_failed_training_says_so(make) -> None:
    trainer = Trainer(make("loss={type: breaks, after: 2}"))
    with pytest.raises(Diverged):
        trainer.train()
    (session,) = SessionLog.read(trainer.run.session_log).sessions
    assert session.status == "failed"


def test_a_killed_training_stays_running(make) -> None:
    trainer = Trainer(make())
    statuses = []
    trainer.current.train = lambda: statuses.append(
        json.loads(trainer.run.session_log.read_text())["sessions"][0]["status"]
    )
    trainer.train()
    assert statuses == ["running"]


def test_a_missing_file_is_an_empty_history(tmp_path: Path) -> None:
    assert SessionLog.read(tmp_path / "training.json") == SessionLog()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sessions": 1, "origins": {}}', "null"])
def test_a_damaged_file_is_put_aside(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "training.json"
    file.write_text(content)
    with pytest.raises(DamagedFile, match=r"training\.json is damaged: it "):
        SessionLog.read(file)
    assert SessionLog.to_continue(file) == SessionLog()
    assert (tmp_path / "training.json.damaged").read_text() == content
    assert not file.exists()
    (message,) = caplog.messages
    assert message.endswith("; it is now training.json.damaged, and a new history begins")


def test_a_resumed_training_keeps_a_damaged_history(train) -> None:
    run = train("training.steps=2")
    half = run.session_log.read_text()[:40]
    run.session_log.write_text(half)
    train("training.steps=4", resume=True)
    assert run.session_log.with_name("training.json.damaged").read_text() == half
    (session,) = SessionLog.read(run.session_log).sessions
    assert (session.first_step, session.last_step) == (2, 4)


@pytest.mark.parametrize("options", ["batch_size=1", "batch_size=5", "accumulate=2"])
def test_pixels_are_counted_without_padding(train, options: str) -> None:
    """Each image once: seven of 20 × 24 pixels, three of 16 × 24."""
    once = {"batch_size=1": 10, "batch_size=5": 2, "accumulate=2": 1}[options]
    size = ["training.batch_size=5"] if options == "accumulate=2" else []
    run = train(f"training.steps={once}", f"training.{options}", *size)
    pixels = 7 * 20 * 24 + 3 * 16 * 24
    assert read_metadata(run.state)["progress"]["pixels"] == pixels


@pytest.mark.parametrize(
    "odd", [{"status": "paused"}, {"last_step": "6"}, {"started": None}, {"machine": {"cores": 2}}]
)
def test_odd_sessions_are_left_out(tmp_path: Path, odd: dict[str, object]) -> None:
    session = {"started": "2026-01-02T03:04:05+00:00", "first_step": 0, "of_a_later_version": 1}
    file = tmp_path / "training.json"
    file.write_text(json.dumps({"sessions": [session, session | odd, 3], "origins": {}}))
    (found,) = SessionLog.read(file).sessions
    assert (found.started, found.status) == (session["started"], "running")
