"""The hooks write a journal, and the command prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acme_hooks import plugin
from acme_hooks.command import journal
from click.testing import CliRunner
from pluxel.registry import Host
from torch import nn


@pytest.fixture
def host() -> Host:
    host = Host({"acme-hooks": plugin})
    assert not host.failures
    return host


def evaluate(host: Host, run: Path) -> None:
    """Call the hooks as a training with two updates and an evaluation does."""
    host.notify("pluxel_model_built", model=nn.Linear(3, 2), config={"seed": 7})
    for step, loss in enumerate([2.0, 1.0], start=1):
        host.notify("pluxel_training_step", run=run, step=step, losses={"loss": loss})
    host.notify("pluxel_evaluated", run=run, results={"split": "val", "step": 2})


def test_the_journal_of_a_training(host: Host, tmp_path: Path) -> None:
    evaluate(host, tmp_path)
    (line,) = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "step": 2,
        "split": "val",
        "parameters": 8,
        "seed": 7,
        "updates": 2,
        "loss": 1.5,
    }
    shown = CliRunner().invoke(journal, [str(tmp_path)])
    assert shown.output == "step   split   updates   loss\n   2   val           2   1.5000\n"


def test_a_folder_for_all_journals(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_JOURNAL", str(tmp_path))
    evaluate(host, tmp_path / "runs" / "first")
    assert (tmp_path / "first.jsonl").is_file()


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_the_health_check(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("ACME_JOURNAL", str(tmp_path / folder))
    ((provider, check),) = host.health_checks()
    assert (provider, check.name) == ("acme-hooks", "journal folder")
    assert bool(check.problem) == (folder == "nowhere")


def test_the_command_is_offered(host: Host) -> None:
    (command,) = host.commands
    assert command.qualified == "acme-hooks/journal"
    assert host.load_command(command) is journal
