"""Only training writes the files of a run; other files are never overwritten or deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pluxel.core.engine.run import Run
from pluxel.registry import PluxelError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A directory without a run, next to a configuration."""
    (tmp_path / "mine.yaml").write_text("decoder: fcn32s\n")
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run")


@pytest.fixture
def source(run: Run) -> Path:
    return run.directory.parent / "mine.yaml"


def fill(run: Run) -> Run:
    """Write all files that training and evaluation write."""
    run.state.parent.mkdir()
    for file in (run.state, run.weights, run.metrics):
        file.touch()
    run.config.write_text("# Written\npluxel:\n  version: 1.0\ndecoder: fcn32s\n")
    run.class_frequencies.write_text('{"semantic": {"road": 3}}')
    for split in ("val", "train[:4]"):
        run.results_of(split).write_text(json.dumps({"split": split}))
    return run


def test_each_split_has_its_own_results(run: Run) -> None:
    splits = ["train", "train[:2]", "train[2:]", "a b", "a_b", "a/b", "val", "val[:1]", "é", "e"]
    splits += ["+".join(f"train[{i}:{i + 1}]" for i in range(n)) for n in (100, 101)]
    files = [run.results_of(split) for split in splits]
    assert len({*files}) == len(splits)
    assert files[0].name == "results-train.json"
    assert all(len(file.name.encode()) < 255 for file in files)
    for file in files:
        file.touch()


def refusal(run: Run, source: Path, *, resume: bool = False, overwrite: bool = False) -> str | None:
    try:
        run.check_claim(source, resume=resume, overwrite=overwrite)
    except PluxelError as error:
        return str(error)
    return None


def test_existing_run_needs_resume_or_overwrite(run: Run, source: Path) -> None:
    assert refusal(run, source) is None
    fill(run)
    assert "already contains a run: --resume auto continues it" in str(refusal(run, source))
    assert refusal(run, source, resume=True) is None
    assert refusal(run, source, overwrite=True) is None


@pytest.mark.parametrize("name", ["config.yaml", "weights.safetensors", "metrics.jsonl",
                                  "results.json", "class_frequencies.json"])  # fmt: skip
@pytest.mark.parametrize("asked", [{}, {"resume": True}, {"overwrite": True}])
def test_foreign_files_are_not_overwritten(run, source, name: str, asked: dict) -> None:
    file = run.directory / name
    file.write_text("[1]\n")
    assert not run.exists()
    assert str(refusal(run, source, **asked)).startswith(f"training would overwrite {file}, which")


def test_handwritten_configuration_beside_a_checkpoint_is_foreign(run, source) -> None:
    fill(run).config.write_text("decoder: fcn32s\n")
    assert "config.yaml, which does not belong" in str(refusal(run, source, resume=True))


def test_source_configuration_is_not_overwritten(run: Run) -> None:
    run.config.write_text("pluxel: {version: 1.0}\ndecoder: fcn32s\n")
    for asked in ({}, {"resume": True}, {"overwrite": True}):
        assert f"would overwrite {run.config}: a run saves" in str(
            refusal(run, run.config, **asked)
        )


def test_run_resumes_from_its_own_configuration(run: Run) -> None:
    fill(run)
    assert refusal(run, run.config, resume=True) is None
    assert f"would overwrite {run.config}" in str(refusal(run, run.config, overwrite=True))


def test_counts_of_a_failed_start_do_not_block_training(run: Run, source: Path) -> None:
    run.class_frequencies.write_text('{"semantic": {"road": 3}}')
    assert refusal(run, source) is None


def test_delete_keeps_foreign_files(run: Run) -> None:
    fill(run)
    others = {"notes.txt": "", "results-2024.json": "[3]", "images/x.png": ""}
    for name, text in others.items():
        (run.directory / name).parent.mkdir(exist_ok=True)
        (run.directory / name).write_text(text)
    run.delete()
    left = {str(p.relative_to(run.directory)) for p in run.directory.rglob("*") if p.is_file()}
    assert left == set(others)
    assert not run.state.parent.exists()


def test_unwritable_directory_raises_before_training(run, source, monkeypatch) -> None:
    message = f"cannot write to {source}/run: {source} is not a writable directory"
    assert refusal(Run(source / "run"), source) == message
    forbidden = run.directory
    allowed = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: mode == os.F_OK or (path != forbidden and allowed(path, mode)),
    )
    assert "is not a writable directory" in str(refusal(run, source))
    assert "is not a writable directory" in str(refusal(Run(forbidden / "new"), source))


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b"3",
        b'"step"',
        b"null",
        b"{",
        b'{"step": null, "seconds": 1.0}',
        b'{"step": [2], "seconds": 1.0}',
        b'{"step": "2", "seconds": 1.0}',
        b'{"step": 2}',
        b'{"step": 2, "seconds": null}',
        b'{"step": 2, "seconds": 1.0, "train/loss": "low"}',
        b'{"step": 2, "seconds": 1.0, "train/loss": NaN}',
        b'{"step": 2, "seconds": 1.0, "phase": 1}',
        b'{"step": 2, "seconds": 1.0, "phase": "\xff"}',
    ],
)
def test_foreign_lines_of_the_log_are_dropped(run, line: bytes) -> None:
    fill(run)
    own = [b'{"step": %d, "seconds": 1, "val/iou": null}\n' % step for step in (1, 2, 3)]
    run.metrics.write_bytes(own[0] + line + b"\n" + own[1] + own[2])
    assert [record["step"] for record in run.records()] == [1, 2, 3]
    run.forget_after(2)
    assert run.metrics.read_bytes() == own[0] + own[1]
