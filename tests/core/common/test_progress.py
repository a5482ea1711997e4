"""Progress is a bar on a terminal, lines in a log, and silent in secondary processes."""

from __future__ import annotations

import io
import logging
from threading import Event

import pytest
import rich.progress
from pluxel.core.common import progress
from pluxel.core.common.logs import logger
from pluxel.core.common.progress import busy, track
from rich.console import Console


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> list[rich.progress.Progress]:
    """Simulate a terminal; return the live displays that are started on it."""
    terminal = Console(file=io.StringIO(), force_terminal=True)
    started: list[rich.progress.Progress] = []

    class Recorded(rich.progress.Progress):
        def start(self) -> None:
            started.append(self)
            super().start()

    monkeypatch.setattr(progress, "console", lambda: terminal)
    monkeypatch.setattr(progress, "Progress", Recorded)
    return started


def bars(display: rich.progress.Progress) -> list[tuple[str, float]]:
    return [(task.description, task.completed) for task in display.tasks]


def test_nested_bars_share_a_display(displays: list[rich.progress.Progress]) -> None:
    with track("training", 5, 2) as step:
        for _ in range(2):
            with track("evaluating", 3) as image:
                image()
                step(note="loss 1")
                (display,) = displays
                assert [name for name, _ in bars(display)] == ["training", "evaluating"]
                assert bars(display)[1] == ("evaluating", 1)
            assert [name for name, _ in bars(display)] == ["training"]
        assert bars(display) == [("training", 4)]


def test_after_an_error_the_next_bar_starts_a_new_display(
    displays: list[rich.progress.Progress],
) -> None:
    with pytest.raises(KeyError), track("a", 1), track("b", 1):
        raise KeyError
    with track("c", 1):
        assert bars(displays[-1]) == [("c", 0)]
    assert len(displays) == 2


def test_a_process_that_logs_only_warnings_shows_no_bar(
    displays: list[rich.progress.Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "level", logging.WARNING)
    with track("training", 5) as advance:
        advance(note="loss 1")
    assert displays == []


def test_log_lines_report_progress(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO, "pluxel"), track("reading", 4, 1) as advance:
        advance(note="a.png")
    assert caplog.messages == ["reading 2/4, 0:00:00 left, a.png"]


def test_a_step_that_cannot_be_counted_has_a_bar(displays: list[rich.progress.Progress]) -> None:
    with track("checking", 2), busy("measuring the network"):
        (display,) = displays
        assert bars(display) == [("checking", 0), ("measuring the network", 0)]
    with busy("measuring the network"):
        assert bars(displays[-1]) == [("measuring the network", 0)]


def test_a_long_step_logs_the_time_that_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    logged = Event()

    def log(text: str, *values: object) -> None:
        lines.append(text % values)
        logged.set()

    monkeypatch.setattr(logger, "info", log)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    with busy("measuring the network"):
        assert logged.wait(60)
    assert lines[0] == "measuring the network, 0:00:00 so far"


def test_a_short_step_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pluxel"), busy("measuring the network"):
        pass
    assert caplog.messages == []


def test_a_long_step_is_silent_in_a_process_that_logs_only_warnings(
    displays: list[rich.progress.Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "level", logging.WARNING)
    with busy("measuring the network"):
        pass
    assert displays == []
