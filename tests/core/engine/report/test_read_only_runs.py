"""Runs that cannot be written are refused before the work, with the option that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pluxel.core import Run
from pluxel.core.engine.evaluation import evaluate_run
from pluxel.core.engine.report import page
from pluxel.core.engine.trained import open_trained
from pluxel.registry import Host, PluxelError

pytestmark = pytest.mark.slow


@pytest.fixture
def read_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run whose folder counts as read-only, for root, too."""
    allowed = os.access

    def access(path: Path, mode: int) -> bool:
        return (mode == os.F_OK or Path(path) != run.directory) and allowed(path, mode)

    monkeypatch.setattr(os, "access", access)
    return run


def test_a_report(read_only: Run, toys: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "report_page", lambda *_, **__: pytest.fail("it began to work"))
    with pytest.raises(PluxelError, match=r"report\.html: .* is not a writable") as caught:
        page.write_report(read_only.directory, host=toys)
    assert caught.value.notes == ("--output DIRECTORY writes the page elsewhere",)


def test_results(
    read_only: Run, toys: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = open_trained(read_only.directory, host=toys)
    elsewhere = tmp_path / "results.json"
    assert evaluate_run.evaluate_run(trained, "val", output=elsewhere)[1] == elsewhere
    monkeypatch.setattr(evaluate_run, "evaluate", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(PluxelError, match=r"results\.json: .* is not a writable") as caught:
        evaluate_run.evaluate_run(trained, "val")
    assert caught.value.notes == ("--output FILE writes the results elsewhere",)
