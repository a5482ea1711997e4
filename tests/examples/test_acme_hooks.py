"""A stranger's command and hooks, installed by pip, take part in a real training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import pluxel

pytestmark = pytest.mark.slow

CONFIG = """\
base: shapes_fcn8s_resnet18
backbone: {type: timm, model: test_resnet, pretrained: false}
dataset: {length: 4}
device: cpu
seed: 7
training: {steps: 4, eval_every: 2, batch_size: 2, ema: null, schedule: {warmup_steps: 0}}
"""


def test_a_training_with_hooks(installed_hooks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CONFIG)
    for arguments in (["train", "mine.yaml"], ["evaluate", "runs/mine"]):
        done = pluxel(installed_hooks, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        assert "acme-hooks" not in done.stderr
    lines = [*map(json.loads, (tmp_path / "runs/mine/journal.jsonl").read_text().splitlines())]
    assert [(line["step"], line["updates"], line["seed"]) for line in lines] == [
        (2, 2, 7),
        (4, 2, 7),
        (json.loads((tmp_path / "runs/mine/results.json").read_text())["step"], 0, 7),
    ]
    assert len({line["parameters"] for line in lines} - {0}) == 1
    records = (tmp_path / "runs/mine/metrics.jsonl").read_text().splitlines()
    logged = [one["train/loss"] for one in map(json.loads, records) if "train/loss" in one]
    assert (lines[0]["loss"] + lines[1]["loss"]) / 2 == pytest.approx(logged[-1])
    shown = pluxel(installed_hooks, tmp_path, "journal", "runs/mine").stdout.splitlines()
    assert shown[0] == "step   split   updates   loss"
    assert shown[1] == f"   2   val           2   {lines[0]['loss']:.4f}"
    assert shown[3].endswith("val           0   –")


def test_the_command_is_part_of_the_help(installed_hooks: dict[str, str], tmp_path: Path) -> None:
    help_text = pluxel(installed_hooks, tmp_path, "--help").stdout
    assert (
        "Commands of plugins:\n  journal  Print the journal of a run. [acme-hooks]\n" in help_text
    )
    assert "journal" not in pluxel(installed_hooks, tmp_path, "--no-plugins", "--help").stdout
    missing = pluxel(installed_hooks, tmp_path, "journal", ".")
    assert (missing.returncode, missing.stderr) == (
        2,
        ". has no journal: it was trained without acme-hooks\n",
    )


def test_the_health_of_its_folder(installed_hooks: dict[str, str], tmp_path: Path) -> None:
    doctor = ("--deny-plugin", "pluxel", "plugins", "doctor")
    healthy = pluxel(installed_hooks, tmp_path, *doctor)
    assert "ok      acme-hooks: journal folder\n" in healthy.stdout, healthy.stderr
    assert "ok      command acme-hooks/journal\n" in healthy.stdout
    ill = pluxel({**installed_hooks, "ACME_JOURNAL": "/nowhere"}, tmp_path, *doctor)
    assert ill.returncode == 1
    assert (
        "FAILED  acme-hooks: journal folder: $ACME_JOURNAL is /nowhere, which is not a writable "
        "folder: create it\n"
    ) in ill.stdout
