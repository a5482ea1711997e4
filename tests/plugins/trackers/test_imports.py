"""No tracker is imported unless a training names it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.slow

TOYS = ROOT / "tests" / "core" / "engine" / "toys.py"
TEXT = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: dice}
dataset: {type: squares, length: 2}
device: cpu
training: {steps: 1, batch_size: 1}
"""
CODE = """
import json, sys
from pluxel.core.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps([*sys.modules]))
"""
PACKAGES = {"gradio_client", "mlflow", "tensorboard", "trackio", "wandb"}
CSV = {"pluxel.plugins.trackers", "pluxel.plugins.trackers.csv_file"}


def imported(folder: Path, *arguments: object) -> set[str]:
    """Return the modules of trackers that a command imports."""
    command = [sys.executable, "-c", CODE, "--plugin", TOYS, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stdout.splitlines()[-1])
    return {
        name
        for name in modules
        if name.partition(".")[0] in PACKAGES or name.startswith("pluxel.plugins.trackers")
    }


def test_a_training_imports_only_the_trackers_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TEXT)
    assert imported(tmp_path, "train", "toy.yaml", "--run", "plain") == set()
    named = ("train", "toy.yaml", "training.trackers=[csv]", "--run", "tracked")
    assert imported(tmp_path, *named) == CSV
    assert imported(tmp_path, "evaluate", "tracked") == set()
