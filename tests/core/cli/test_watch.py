"""``pluxel watch`` in a real process: before, while and after a training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pluxel.core.engine.session_log import SessionLog, TrainingSession

from .conftest import environment

pytestmark = pytest.mark.slow

Next = Callable[[], str]


def test_it_starts_before_the_training_and_outlives_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pluxel", "watch", "run"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True, bufsize=1
    ) as watching:
        assert watching.stdout
        assert watching.stdout.readline() == "waiting for the training to start\n"
        run = tmp_path / "run"
        run.mkdir()
        (run / "config.yaml").write_text(json.dumps({"pluxel": {}}))
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": 5, "seconds": 1.0, "train/loss": 0.25}) + "\n")
        lines = {watching.stdout.readline(), watching.stdout.readline()}
        assert "step 5: train/loss 0.25\n" in lines
        assert "killed; --resume auto continues it\n" in lines
        (run / "training.lock").touch()
        assert watching.stdout.readline() == "training\n"
        os.kill(watching.pid, signal.SIGINT)
        assert watching.wait(60) == 0


def test_the_present_state(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(json.dumps({"training": {"monitor": "val/mean_iou"}}))
    session = TrainingSession("2026-11-29T12:00:00+00:00", 0, monitor_mode="max")
    SessionLog([session]).write(run / "training.json")
    records = [
        {"step": n, "seconds": 60.0 * n, "train/loss": 1 / n, "val/mean_iou": n / 10}
        for n in range(1, 9)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    done = subprocess.run(
        [sys.executable, "-m", "pluxel", "watch", "run", "--once"],
        cwd=tmp_path,
        env={**environment(), "COLUMNS": "100"},
        text=True,
        capture_output=True,
        check=True,
    )
    first, second, titles, monitored, loss = done.stdout.splitlines()
    assert first == "run: killed; --resume auto continues it"
    assert second == "step 8, training time 0:08:00"
    assert titles.split() == ["scalar", "last", "best", "step", "of", "best", "curve"]
    assert monitored.split() == ["val/mean_iou", "0.8", "0.8", "8", "▁▂▃▄▅▆▇█"]
    assert loss.split()[:4] == ["train/loss", "0.125", "0.125", "8"]
