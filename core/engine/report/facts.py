"""What a run is: its state, its training, its machine, its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ...common.nested import flat_texts
from ...common.progress import duration
from ..checkpoint import read_metadata
from ..run import Run
from ..session_log import SessionLog, TrainingSession
from ..trained import plain_config
from .attempt import attempt


@dataclass(frozen=True)
class Facts:
    """Facts about a run. ``rows``: a title and a value each.

    ``configuration``: dotted key, value as JSON, and the file or override that it comes from, empty
    for defaults. ``notes``: what is missing or unusual.
    """

    rows: list[tuple[str, str]]
    configuration: list[tuple[str, str, str]]
    notes: list[str]


def facts_of(run: Run) -> Facts:
    """Return the facts of a run."""
    is_training = run.is_training()
    notes: list[str] = []
    what = "The history of the training cannot be read"
    session_log = attempt(what, lambda: SessionLog.read(run.session_log), notes) or SessionLog()
    rows = [("run", str(run.directory.absolute()))]
    rows += attempt("The checkpoint cannot be read", lambda: [*_progress(run)], notes) or []
    if sessions := session_log.sessions:
        what = f"{run.session_log} cannot be read"
        rows += attempt(what, lambda: [*_sessions(sessions)], notes) or []
        notes += _state(sessions[-1], is_training=is_training)
    elif is_training:
        notes.append(_STILL)
    what = "The configuration cannot be read"
    configuration = attempt(what, lambda: [*flat_texts(plain_config(run))], notes) or []
    rows += [("seed", value) for key, value in configuration if key == "seed"]
    origins = {key: _without_folders(one) for key, one in session_log.origins.items()}
    return Facts(rows, [(key, value, origins.get(key, "")) for key, value in configuration], notes)


def _without_folders(origin: str) -> str:
    """Return an origin; of a file with an absolute path, only its name, line and column."""
    found = _ABSOLUTE.fullmatch(origin)
    return found[1] if found else origin


_ABSOLUTE = re.compile(r"(?:/|[A-Za-z]:[/\\]).*?([^/\\]+:\d+:\d+)")


_STILL = "This run is still training; the page shows it so far."


def _state(last: TrainingSession, *, is_training: bool) -> Iterator[str]:
    if is_training:
        yield _STILL
    elif last.status == "running":
        yield "The last training did not end by itself: it was killed, or its machine was."
    elif last.status != "finished":
        step = f" after step {last.last_step:,}" if last.last_step is not None else ""
        yield f"The last training {_ENDS[last.status]}{step}."


_ENDS = {"interrupted": "was interrupted", "failed": "failed"}


def _progress(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what the checkpoint says of the training, or else the last line of the log.

    Raises: any error of a checkpoint.
    """
    if run.state.exists():
        progress = read_metadata(run.state)["progress"]
    elif records := run.records():
        progress = {"earlier": 0, **records[-1]}
    else:
        return
    yield "steps", f"{progress['earlier'] + progress['step']:,}"
    yield "training time", duration(progress["seconds"])
    if pixels := progress.get("pixels"):
        yield "pixels seen", f"{pixels / 1e6:,.1f} million"


def _sessions(sessions: list[TrainingSession]) -> Iterator[tuple[str, str]]:
    yield "started", _readable(sessions[0].started)
    if ended := sessions[-1].ended:
        yield "ended", _readable(ended)
    if len(sessions) > 1:
        yield "sessions", str(len(sessions))
    last = sessions[-1]
    yield from last.machine.items()
    yield "versions", ", ".join(f"{name} {one}" for name, one in last.versions.items())


def _readable(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC")
