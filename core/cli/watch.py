"""``pluxel watch``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._completed import completed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..engine.curves import LogRecords
    from ..engine.run import Run
    from ..engine.watching import WatchedRun

_EVERY = 2.0
"""Seconds between reads of the files."""

_WIDTH = 40
"""Columns of a curve."""

_BLOCKS = "▁▂▃▄▅▆▇█"


@click.command()
@click.argument(
    "run", type=click.Path(file_okay=False, path_type=Path), shell_complete=completed("run")
)
@click.option("--once", is_flag=True, help="Print the current state and exit.")
def watch(run: Path, once: bool) -> None:
    """Watch the training of RUN: curves, the time left, and the last scores.

    It can start before the training, and continues after its end in case you resume it; Ctrl-C
    stops it. If the output is not a terminal, each new line of metrics.jsonl becomes a line of
    text.
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
    from ..engine.curves import scalar_names
    from ..engine.titles import losses, overall
    from ..engine.watching import STATES, watched

    seen: LogRecords = ()
    status = ""
    while True:
        found = watched(run)
        records = found.records
        # A resumed training drops the lines after its checkpoint, and writes others in their place.
        same = takewhile(lambda pair: pair[0] == pair[1], zip(seen, records, strict=False))
        start = sum(1 for _ in same)
        names = scalar_names(records)
        whole = {*losses(names), *overall(names), "lr"}
        for record in records[start:]:
            values = ", ".join(
                f"{name} {value:.4g}"
                for name, value in record.items()
                if name in whole and value is not None
            )
            yield f"step {record['step']}: {values}"
        seen = records
        if found.status != status:
            status = found.status
            yield STATES[status]
        time.sleep(_EVERY)


def _view(directory: Path, state: WatchedRun) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from ..common.progress import duration
    from ..engine.watching import STATES

    lines = [f"{directory}: {STATES[state.status]}"]
    parts = [f"phase {state.phase}"] if state.phase else []
    if state.status != "waiting":
        of = f" of {state.planned:,}" if state.planned else ""
        parts.append(f"step {state.step:,}{of}")
        parts.append(f"training time {duration(state.seconds)}")
    if state.remaining is not None:
        parts.append(f"time left {duration(state.remaining)}")
    lines.append(", ".join(parts))
    table = Table(box=None, pad_edge=False)
    for title in ("scalar", "last", "best", "step of best", "curve"):
        table.add_column(title, justify="left" if title in ("scalar", "curve") else "right")
    for one in state.scalars:
        best, step = one.best or (None, None)
        table.add_row(
            Text(one.name),
            _number(one.values[-1]),
            "" if best is None else _number(best),
            "" if step is None else f"{step:,}",
            sparkline(one.values),
        )
    return Group(Text("\n".join(filter(None, lines))), *([table] if state.scalars else []))


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Return values as blocks of eight heights from the lowest to the highest, at most ``width``.

    With more values, each block is the mean of some neighbors. Undefined values are spaces.
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
