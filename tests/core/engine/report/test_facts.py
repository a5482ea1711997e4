"""What a page says about a run itself: its progress, its pipeline, and its configuration."""

from __future__ import annotations

import pytest
from pluxel.core import Run
from pluxel.core.common.progress import duration
from pluxel.core.engine.session_log import SessionLog
from pluxel.registry import Host

from .read_page import page_of

pytestmark = pytest.mark.slow


def test_origins_name_files_without_their_folders(run: Run, toys: Host) -> None:
    log = SessionLog.read(run.session_log)
    override = "override 'dataset.root=/data/x:1:2'"
    log.origins = {
        "seed": "/home/ada/my runs/toy.yaml:3:7",
        "training.steps": "configs/toy.yaml:4:1",
        "dataset.type": override,
    }
    log.write(run.session_log)
    rows = page_of(run, toys).texts
    for key, shown in {**log.origins, "seed": "toy.yaml:3:7"}.items():
        at = len(rows) - 1 - rows[::-1].index(key)
        assert rows[at + 2] == shown


def test_a_run_killed_before_its_first_evaluation(run: Run, toys: Host) -> None:
    seconds = run.records()[-1]["seconds"]
    for file in (run.weights, run.state, run.results_of("val"), run.statistics_of("val")):
        file.unlink()
    page = page_of(run, toys)
    assert page.notes == [
        f"{run.directory} has no weights yet: they come with the first evaluation."
    ]
    rows = dict(zip(page.texts, page.texts[1:], strict=False))
    assert (rows["steps"], rows["training time"]) == ("12", duration(seconds))
    assert "fcn32s on toy" in page.texts
    assert "for any image of 512×512 pixels" in page.text
    run.config.write_text(run.config.read_text().replace("toys.py/toy", "gone"))
    page = page_of(run, toys)
    assert any(note.startswith("The network cannot be drawn: ") for note in page.notes)
    assert "training.steps" in page.texts
