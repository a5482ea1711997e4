"""A signal to a whole process group, as a terminal or a scheduler sends it, ends trackers well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import ROOT, Guarded

pytestmark = pytest.mark.slow

TOYS = ROOT / "tests" / "core" / "engine" / "toys.py"
TEXT = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset: {type: squares, length: 2}
device: cpu
training:
  steps: 1000000
  batch_size: 1
  log_every: 10
  eval_every: 1000000
  trackers: [csv, tensorboard, wandb]
"""


def has_begun(run: Path) -> bool:
    """Return whether every tracker has received something."""
    return bool([*run.glob("tracked/wandb-*.json")]) and (run / "scalars.csv").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(guarded: Guarded, number: signal.Signals, code: int) -> None:
    folder = guarded.folder / number.name
    folder.mkdir()
    (folder / "toy.yaml").write_text(TEXT)
    command = [
        guarded.python,
        "-m",
        "pluxel",
        "--plugin",
        TOYS,
        "train",
        "toy.yaml",
        "--run",
        "run",
    ]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=guarded.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the signal reaches no other process
    )
    run = folder / "run"
    while not has_begun(run):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(process.communicate())
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=200)
    assert process.returncode == code, err
    assert "no longer tracks" not in err
    assert "too slow" not in err
    assert "Traceback" not in err
    read = guarded.run(Path(__file__).with_name("read_back.py"), run, "tensorboard", "wandb")
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout.splitlines()[-1])
    assert found["tensorboard"]["results"]["status"] == "interrupted"
    assert found["wandb"]["status"] == "interrupted"
    assert found["wandb"]["exits"] == [1]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert found["tensorboard"]["scalars"]["train/loss"][-1][0] == last
    assert found["wandb"]["scalars"]["train/loss"][-1][0] == last
