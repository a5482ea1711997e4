"""``pluxel watch``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._completed import completed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..engine.run import Run
    from ..engine.watching import WatchedRun

_EVERY = 2.0
"""Seconds between reads of the files."""

_WIDTH = 40
"""Columns of a curve."""

_BLOCKS = "▁▂▃▄▅▆▇█"

_STATES = {
    "waiting": "waiting for the training to start",
    "training": "training",
    "finished": "finished",
    "interrupted": "interrupted; --resume auto continues it",
    "failed": "failed",
    "killed": "killed; --resume auto continues it",
}


@click.command()
@click.argument(
    "run", type=click.Path(file_okay=False, path_type=Path), shell_complete=completed("run")
)
@click.option("--once", is_flag=True, help="Show the present state, and end.")
def watch(run: Path, once: bool) -> None:
    """Watch the training of RUN: curves, the time left, and the last scores.

    Starts before the training does, and goes on after its end, for one that is resumed. Ctrl-C
    ends. If the output is not a terminal, each new line of metrics.jsonl becomes a line of text.
    """
    from rich.console import Console

    from ..engine.run import Run
    from ..engine.watching import watched

    console, found = Console(), Run(run)
    if once:
        console.print(_view(run, watched(found)))
        return
    with suppress(KeyboardInterrupt):
        if console.is_terminal:
            _live(console, found)
        else:
            for line in _lines(found):
                click.echo(line)


def _live(console: object, run: Run) -> None:
    from rich.live import Live

    from ..engine.watching import watched

    with Live(console=console, auto_refresh=False) as live:  # pyright: ignore[reportArgumentType]
        while True:
            live.update(_view(run.directory, watched(run)), refresh=True)
            time.sleep(_EVERY)


def _lines(run: Run) -> Iterator[str]:
    """Yield a line for each record, and for each change of the state."""
    from ..engine.curves import losses, overall, scalar_names
    from ..engine.watching import watched

    seen, status = 0, ""
    while True:
        found = watched(run)
        records = found.records
        if len(records) < seen:  # an earlier checkpoint was resumed, or the run was deleted
            seen = 0
        names = scalar_names(records)
        whole = {*losses(names), *overall(names), "lr"}
        for record in records[seen:]:
            values = ", ".join(
                f"{name} {value:.4g}"
                for name, value in record.items()
                if name in whole and value is not None
            )
            yield f"step {record['step']}: {values}"
        seen = len(records)
        if found.status != status:
            status = found.status
            yield _STATES[status]
        time.sleep(_EVERY)


def _view(directory: Path, state: WatchedRun) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from ..common.progress import duration

    parts = [f"{directory}: {_STATES[state.status]}"]
    if state.phase:
        parts.append(f"phase {state.phase}")
    if state.status != "waiting":
        of = f" of {state.planned:,}" if state.planned else ""
        parts.append(f"step {state.step:,}{of}")
        parts.append(f"{duration(state.seconds)} so far")
    if state.remaining is not None:
        parts.append(f"{duration(state.remaining)} left")
    table = Table(box=None, pad_edge=False)
    for title in ("", "last", "best", "at step", "curve"):
        table.add_column(title, justify="left" if title in ("", "curve") else "right")
    for one in state.scalars:
        best, step = one.best or (None, None)
        table.add_row(
            Text(one.name),
            _number(one.values[-1]),
            "" if best is None else _number(best),
            "" if step is None else f"{step:,}",
            sparkline(one.values),
        )
    return Group(Text(", ".join(parts)), *([table] if state.scalars else []))


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Return values as blocks of eight heights from the lowest to the highest, at most ``width``.

    Of more values, each block is the mean of its neighbors. Undefined values are spaces.
    """
    count = min(width, len(values))
    parts = [
        values[len(values) * at // count : len(values) * (at + 1) // count] for at in range(count)
    ]
    known = [[one for one in part if math.isfinite(one)] for part in parts]
    means = [sum(part) / len(part) if part else math.nan for part in known]
    finite = [one for one in means if math.isfinite(one)]
    if not finite:
        return " " * count
    low, high = min(finite), max(finite)
    step = (high - low) / (len(_BLOCKS) - 1) or 1.0
    return "".join(
        _BLOCKS[round((one - low) / step)] if math.isfinite(one) else " " for one in means
    )
