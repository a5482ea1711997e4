"""A run is known by what only a training writes, and nothing else is written over or deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pluxel.core.engine.run import Run
from pluxel.registry import PluxelError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A directory without a run, and beside it a configuration."""
    (tmp_path / "mine.yaml").write_text("decoder: fcn32s\n")
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run")


@pytest.fixture
def source(run: Run) -> Path:
    return run.directory.parent / "mine.yaml"


def fill(run: Run) -> Run:
    """Write all that a training and evaluations leave."""
    run.state.parent.mkdir()
    for file in (run.state, run.weights, run.metrics):
        file.touch()
    run.config.write_text("# Written\npluxel:\n  version: 1.0\ndecoder: fcn32s\n")
    run.class_frequencies.write_text('{"semantic": {"road": 3}}')
    for split in ("val", "train[:4]"):
        run.results_of(split).write_text(json.dumps({"split": split}))
    return run


def refusal(run: Run, source: Path, *, resume: bool = False, overwrite: bool = False) -> str | None:
    try:
        run.check_claim(source, resume=resume, overwrite=overwrite)
    except PluxelError as error:
        return str(error)
    return None


def test_a_run_is_gone_on_with_or_overwritten_when_asked(run: Run, source: Path) -> None:
    assert refusal(run, source) is None
    fill(run)
    assert "holds a run already: --resume auto goes on with it" in str(refusal(run, source))
    assert refusal(run, source, resume=True) is None
    assert refusal(run, source, overwrite=True) is None


@pytest.mark.parametrize("name", ["config.yaml", "weights.safetensors", "metrics.jsonl",
                                  "results.json", "class_frequencies.json"])  # fmt: skip
@pytest.mark.parametrize("asked", [{}, {"resume": True}, {"overwrite": True}])
def test_files_of_somebody_else_are_not_overwritten(run, source, name: str, asked: dict) -> None:
    file = run.directory / name
    file.write_text("[1]\n")
    assert not run.exists()
    assert str(refusal(run, source, **asked)).startswith(f"{file} is there already, and is not of")


def test_a_written_configuration_beside_a_checkpoint_is_not_the_runs(run, source) -> None:
    fill(run).config.write_text("decoder: fcn32s\n")
    assert "config.yaml is there already" in str(refusal(run, source, resume=True))


def test_the_given_configuration_is_not_overwritten(run: Run) -> None:
    run.config.write_text("pluxel: {version: 1.0}\ndecoder: fcn32s\n")
    for asked in ({}, {"resume": True}, {"overwrite": True}):
        assert "config.yaml would be overwritten" in str(refusal(run, run.config, **asked))


def test_a_run_is_gone_on_with_by_the_configuration_that_it_keeps(run: Run) -> None:
    fill(run)
    assert refusal(run, run.config, resume=True) is None
    assert "config.yaml would be overwritten" in str(refusal(run, run.config, overwrite=True))


def test_counts_that_a_failed_start_left_are_no_obstacle(run: Run, source: Path) -> None:
    run.class_frequencies.write_text('{"semantic": {"road": 3}}')
    assert refusal(run, source) is None


def test_deleting_leaves_what_is_not_the_runs(run: Run) -> None:
    fill(run)
    others = {"notes.txt": "", "results-2024.json": "[3]", "images/x.png": ""}
    for name, text in others.items():
        (run.directory / name).parent.mkdir(exist_ok=True)
        (run.directory / name).write_text(text)
    run.delete()
    left = {str(p.relative_to(run.directory)) for p in run.directory.rglob("*") if p.is_file()}
    assert left == set(others)
    assert not run.state.parent.exists()


def test_a_place_that_cannot_be_written_is_refused_at_once(run, source, monkeypatch) -> None:
    message = f"cannot write into {source}/run: {source} is no folder that you may write to"
    assert refusal(Run(source / "run"), source) == message
    forbidden = run.directory
    allowed = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: mode == os.F_OK or (path != forbidden and allowed(path, mode)),
    )
    assert "is no folder that you may write to" in str(refusal(run, source))
    assert "is no folder that you may write to" in str(refusal(Run(forbidden / "new"), source))
