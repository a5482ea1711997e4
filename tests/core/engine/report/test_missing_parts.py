"""Reports of runs that lack parts, or have damaged ones, show the others and say why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pluxel.core import Run
from pluxel.core.engine.checkpoint import write_tensors
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.report import page as report_module
from pluxel.core.engine.session_log import SessionLog
from pluxel.registry import Host

from .read_page import page_of

pytestmark = pytest.mark.slow

Break = Callable[[Run], object]
LACKS: dict[str, tuple[Break, str]] = {
    "weights": (lambda run: run.weights.unlink(), "has no weights, so there are no pictures."),
    "results": (
        lambda run: run.results_of("val").unlink(),
        "has no results on 'val' yet: pluxel",
    ),
    "whole results": (
        lambda run: run.results_of("val").write_text('{"split": "val"'),
        "results.json is damaged: it is not JSON: pluxel evaluate",
    ),
    "whole history": (
        lambda run: run.session_log.write_text('{"sessions": ['),
        "training.json is damaged: it is not JSON.",
    ),
    "statistics": (
        lambda run: run.statistics_of("val").unlink(),
        "cannot be shown: statistics.npz, the counts of each image, is missing in ",
    ),
    "whole statistics": (
        lambda run: run.statistics_of("val").write_bytes(b"half"),
        "statistics.npz is damaged: pluxel evaluate",
    ),
    "statistics of this step": (
        lambda run: run.results_of("val").write_text('{"split": "val", "step": 1}'),
        "are of different evaluations: pluxel evaluate",
    ),
    "plugin": (
        lambda run: run.config.write_text(run.config.read_text().replace("toys.py/toy", "gone")),
        "The run cannot be opened, so there are no pictures: ",
    ),
    "whole training": (
        lambda run: _session_log(run, status="running"),
        "The last training did not end by itself",
    ),
    "end": (lambda run: _session_log(run, status="failed", last_step=3), "failed after step 3"),
    "whole checkpoint": (
        lambda run: run.state.write_bytes(b"half"),
        "The checkpoint cannot be read: ",
    ),
    "progress": (
        lambda run: write_tensors(run.state, {}, {"progress": {}}),
        "The checkpoint cannot be read: KeyError: 'earlier'.",
    ),
    "time of a session": (
        lambda run: _session_log(run, started="yesterday"),
        "training.json cannot be read: ValueError: Invalid isoformat string: 'yesterday'.",
    ),
    "step of its end": (
        lambda run: _session_log(run, status="failed", last_step=None),
        "The last training failed.",
    ),
}


def _session_log(run: Run, **values: Any) -> None:
    session_log = SessionLog.read(run.session_log)
    for name, value in values.items():
        setattr(session_log.sessions[-1], name, value)
    session_log.write(run.session_log)


@pytest.mark.parametrize("what", LACKS)
def test_a_page_says_what_its_run_lacks(run: Run, toys: Host, what: str) -> None:
    break_, note = LACKS[what]
    break_(run)
    page = page_of(run, toys)
    assert any(note in one for one in page.notes), page.notes
    assert "training.steps" in page.texts
    assert page.data["series"]


@pytest.mark.parametrize(
    ("part", "note", "others"),
    [
        ("diagram_of", "The network cannot be drawn: OSError: broken.", ["photo"]),
        ("evaluated_data", "The images cannot be shown: OSError: broken.", ["stride 4"]),
    ],
)
def test_a_part_that_fails_takes_no_other_along(
    run: Run, toys: Host, monkeypatch, part: str, note: str, others: list[str]
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError("broken.")

    monkeypatch.setattr(report_module, part, fail)
    page = page_of(run, toys)
    assert page.notes == [note]
    text = page.text + json.dumps(page.data["heads"])
    assert [one for one in others if one not in text] == []


def test_scores_need_no_weights(run: Run, toys: Host) -> None:
    before = page_of(run, toys).data["heads"][0]
    run.weights.unlink()
    after = page_of(run, toys).data["heads"][0]
    assert after["confusion"] == before["confusion"]
    assert after["images"] == before["images"]
    assert (after["pictures"], bool(before["pictures"])) == ([], True)


def test_a_metric_of_a_missing_plugin(run: Run, toys: Host) -> None:
    kept = ImageStatistics.read(run.statistics_of("val"))
    head = kept.heads["semantic"]
    changed = replace(head, metrics={**head.metrics, "dice": "gone.py/gone"})
    replace(kept, heads={"semantic": changed}).write(run.statistics_of("val"))
    page = page_of(run, toys)
    (note,) = page.notes
    assert note.startswith("The metric 'dice' is not shown: ")
    assert "gone.py" in note.partition("shown: ")[2]
    assert "Boundary IoU" in page.texts
    assert "Dice" not in page.texts


def test_images_that_are_gone_or_changed(run: Run, toys: Host) -> None:
    config = run.config.read_text()
    run.config.write_text(config.replace("length: 10", "length: 4"))
    page = page_of(run, toys)
    assert any("cannot be read anymore, such as: " in note for note in page.notes), page.notes
    run.config.write_text(config)
    kept = ImageStatistics.read(run.statistics_of("val"))
    counts = kept.heads["semantic"].rows["counts"]
    counts.values[:] += 1
    kept.write(run.statistics_of("val"))
    page = page_of(run, toys)
    assert any("or their ground truth changed since" in note for note in page.notes), page.notes
    assert page.data["heads"][0]["pictures"] == []
