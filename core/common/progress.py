"""Show the progress of a loop: a bar with the time left, or plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from threading import Event, Thread
from typing import Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .logs import logger

SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """``advance()`` counts one finished step; ``note`` is shown beside the bar."""

    def __call__(self, *, note: str = "") -> None:
        """Count a finished step."""
        ...


@cache
def console() -> Console:
    """Return the console on stderr that bars and log lines share."""
    # FORCE_COLOR asks for color; it does not make a log file a terminal for bars.
    return Console(stderr=True, force_terminal=None if sys.stderr.isatty() else False)


def configure_logging(*, quiet: bool = False) -> None:
    """Send the library's log to stderr: colored on a terminal, plain lines elsewhere.

    ``quiet``: log only warnings, because another process logs the same messages.
    """
    if console().is_terminal:
        handler: logging.Handler = RichHandler(console=console(), show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s", datefmt="%H:%M:%S"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False


@contextmanager
def track(description: str, total: int | None, completed: int = 0) -> Iterator[Advance]:
    """Show the progress of a loop of ``total`` steps, of which ``completed`` were done earlier.

    Without a total, the time left is not known.

    ``description``: what the loop does; it stands before the bar. Within another ``track``, add a
    bar while the loop runs. A process that logs only warnings shows nothing, because another
    process shows the same loop.
    """
    if logger.level > logging.INFO:
        yield _silently
    elif console().is_terminal:
        yield from _bar(description, total, completed)
    else:
        yield _Lines(description, total, completed)


@contextmanager
def busy(description: str) -> Iterator[None]:
    """Show that a step that cannot be counted runs, such as the first run of a network.

    A bar on a terminal. In a log, a line with the time so far if it takes ten seconds, then more
    and more rarely.
    """
    if logger.level > logging.INFO:
        yield
    elif console().is_terminal:
        with contextmanager(_bar)(description, None, 0):
            yield
    else:
        ended = Event()
        Thread(target=_report, args=(description, ended), daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def _report(description: str, ended: Event) -> None:
    started, pause = time.monotonic(), SECONDS_BETWEEN_LINES
    while not ended.wait(pause):
        passed = time.monotonic() - started
        logger.info("%s, %s so far", description, duration(passed))
        pause = max(SECONDS_BETWEEN_LINES, passed)


_active: ContextVar[Progress | None] = ContextVar("active", default=None)
"""The display that owns the terminal: rich allows only one at a time."""


def _bar(description: str, total: int | None, completed: int) -> Iterator[Advance]:
    if (outer := _active.get()) is not None:
        yield from _task(outer, description, total, completed)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console(), transient=True) as progress:
        token = _active.set(progress)
        try:
            yield from _task(progress, description, total, completed)
        finally:
            _active.reset(token)


def _task(
    progress: Progress, description: str, total: int | None, completed: int
) -> Iterator[Advance]:
    task = progress.add_task(description, total=total, completed=completed, note="")

    def advance(*, note: str = "") -> None:
        progress.update(task, advance=1, note=note)

    try:
        yield advance
    finally:
        progress.remove_task(task)


def _silently(*, note: str = "") -> None:
    """Count nothing."""


class _Lines:
    """Logs a line every ten seconds, so that a log shows that the loop runs and when it ends."""

    def __init__(self, description: str, total: int | None, completed: int) -> None:
        self.description, self.total, self.completed = description, total, completed
        self.before = completed
        self.started = self.last_line = time.monotonic()

    def __call__(self, *, note: str = "") -> None:
        self.completed += 1
        now = time.monotonic()
        if now - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = now
            text = f"{self.description} {self.completed}"
            if self.total is not None:
                seconds_per_step = (now - self.started) / max(1, self.completed - self.before)
                left = duration(seconds_per_step * (self.total - self.completed))
                text += f"/{self.total}, {left} left"
            logger.info("%s", f"{text}, {note}" if note else text)


def duration(seconds: float) -> str:
    """Format seconds as ``h:mm:ss``."""
    return str(timedelta(seconds=round(max(0.0, seconds))))
