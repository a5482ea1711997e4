"""The state of a training from the files of its run, for whoever watches it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...registry import PluxelError
from ..common.json_files import DamagedFile
from .curves import LogRecords, curve, scalar_names
from .run import Run
from .session_log import MonitorMode, SessionLog
from .titles import losses, overall
from .trained import plain_config

WatchedStatus = Literal["waiting", "training", "finished", "interrupted", "failed", "killed"]
"""``waiting``: the run does not exist yet. ``killed``: the training did not end by itself."""

STATES: dict[WatchedStatus, str] = {
    "waiting": "waiting for the training to start",
    "training": "training",
    "finished": "finished",
    "interrupted": "interrupted; --resume auto continues it",
    "failed": "failed",
    "killed": "killed; --resume auto continues it",
}
"""What users read of a state."""

_RECENT = 20
"""Lines of the log from which the speed follows."""


@dataclass(frozen=True)
class WatchedScalar:
    """A scalar over steps. ``best``: its best value and the step of it, if better is known."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    best: tuple[float, int] | None = None


@dataclass(frozen=True)
class WatchedRun:
    """What is known of a training.

    ``planned``: the step at which its present phase ends. ``remaining``: seconds until then at the
    recent speed, with evaluations. ``seconds``: of training so far. ``records``: the lines of
    ``metrics.jsonl``.
    """

    status: WatchedStatus
    step: int = 0
    planned: int | None = None
    seconds: float = 0.0
    remaining: float | None = None
    phase: str = ""
    scalars: Sequence[WatchedScalar] = ()
    records: LogRecords = ()


def is_awaited(run: Run) -> bool:
    """Return whether the training of a run, whose folder may be missing, has not started yet."""
    return not run.config.exists()


def watched(run: Run) -> WatchedRun:
    """Return the state of a run, which may not exist yet."""
    if is_awaited(run):
        return WatchedRun("waiting")
    is_training = run.is_training()  # first: the other files are then at least as new
    try:
        session_log = SessionLog.read(run.session_log)
    except DamagedFile:  # `pluxel report` says so
        session_log = SessionLog()
    records = run.records()
    last = session_log.sessions[-1] if session_log.sessions else None
    ended: WatchedStatus = last.status if last and last.status != "running" else "killed"
    status: WatchedStatus = "training" if is_training else ended
    newest = records[-1] if records else {"step": 0, "seconds": 0.0}
    planned = last.planned_steps if last else None
    remaining = _remaining(records, planned) if status == "training" else None
    return WatchedRun(
        status,
        newest["step"],
        planned,
        newest["seconds"],
        remaining,
        newest.get("phase", ""),
        _scalars(records, _monitor(run), last.monitor_mode if last else None),
        records,
    )


def _monitor(run: Run) -> str | None:
    try:
        found = plain_config(run).get("training")
    except PluxelError:  # being written just now
        found = None
    return found.get("monitor") if isinstance(found, dict) else None


def _remaining(records: LogRecords, planned: int | None) -> float | None:
    recent = records[-_RECENT:]
    if planned is None or not recent:
        return None
    steps = recent[-1]["step"] - recent[0]["step"]
    seconds = recent[-1]["seconds"] - recent[0]["seconds"]
    return (planned - recent[-1]["step"]) * seconds / steps if steps > 0 else None


def _scalars(
    records: LogRecords, monitor: str | None, mode: MonitorMode | None
) -> list[WatchedScalar]:
    """Return losses, scores of whole splits and the learning rate, the monitored scalar first."""
    names = scalar_names(records)
    lower = dict.fromkeys(losses(names), True)
    if monitor and mode:
        lower[monitor] = mode == "min"
    shown = [monitor, *losses(names), *overall(names), "lr"]
    found = []
    for name in dict.fromkeys(name for name in shown if name in names):
        steps, values = curve(records, name)
        known = [(v, int(s)) for v, s in zip(values, steps, strict=True) if math.isfinite(v)]
        best = None
        if name in lower and known:
            best = (min if lower[name] else max)(known, key=lambda pair: pair[0])
        found.append(WatchedScalar(name, steps, values, best))
    return found
