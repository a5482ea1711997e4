"""Format a comparison of runs for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...common.nested import plain_text
from ...common.text import clipped, plural
from ..evaluation.table import percent, wide
from ..titles import title_of
from .differences import Comparison, HeadComparison, ScoreDifference

_SHOWN = 30
"""Characters of a value of the configuration."""

_NUMBERS = 56
"""Columns of a row of scores after its name."""

_NAME = 16
"""Columns that a name has in the narrowest terminal."""


def comparison_table(found: Comparison, width: int | None = None) -> str:
    """Return the runs, what differs in their configurations, and all scores in percent.

    ``width``: columns of the terminal, to which long names are shortened; None keeps them whole.
    """
    letters = found.letters
    lines = [
        f"{letter}  {one.directory}, step {one.kept.step}"
        for letter, one in zip(letters, found.runs, strict=True)
    ]
    lines += [
        f"{plural(found.images, 'image')} of {found.split}; 95 % intervals from "
        f"{plural(found.samples, 'resample')} of {plural(found.blocks.count, 'block')}: "
        f"{found.blocks.description}",
        *(f"note: {note}" for note in (*found.notes, *found.cautions)),
        "",
        *_configuration(found.configuration, letters, width),
        "",
        "scores in percent, differences and intervals in percentage points",
    ]
    for letter, heads in zip(letters[1:], found.heads, strict=True):
        for head, one in heads.items():
            title = f"[{head}] " if len(heads) > 1 else ""
            if one.is_equal:
                lines += ["", f"{title}all scores of {letter} equal those of {letters[0]}"]
            lines += ["", *_head(one, title, letters[0], letter, width)]
    return "\n".join(lines)


def _configuration(
    values: Mapping[str, Sequence[Any]], letters: Sequence[str], width: int | None
) -> Iterator[str]:
    if not values:
        yield "the configurations are equal"
        return
    key_width = wide(values) if width is None else min(wide(values), max(_NAME, width // 2))
    room = _SHOWN if width is None else (width - key_width) // len(letters) - 2
    shown = min(_SHOWN, max(_NAME // 2, room))
    rows = [("configuration", [*letters])]
    rows += [(key, [clipped(value_text(v), shown) for v in each]) for key, each in values.items()]
    columns = [max(len(row[at]) for _, row in rows) + 2 for at in range(len(letters))]
    for key, row in rows:
        cells = "".join(f"{cell:<{size}}" for cell, size in zip(row, columns, strict=True))
        yield f"{_named(key, key_width)}{cells}".rstrip()


def value_text(value: Any) -> str:
    """Return a value of the configuration as text; – for none."""
    return "–" if value is None else plain_text(value)


def _head(
    found: HeadComparison, title: str, first: str, second: str, width: int | None
) -> Iterator[str]:
    rows = {title_of(name): one for name, one in found.overall.items()}
    yield from _scores(f"{title}score", rows, first, second, width)
    names = [name for name in next(iter(found.per_class.values()), {}) if name != "accuracy"]
    for name in names:
        yield ""
        of_classes = {each: scores[name] for each, scores in found.per_class.items()}
        yield from _scores(f"{title}{title_of(name)} of class", of_classes, first, second, width)
    if found.images:
        title = "images that differ most"
        column = _column([title, *(one.name for one in found.images)], width)
        yield ""
        yield f"{_named(title, column)}{first:>6}{second:>7}{'difference':>12}"
        for one in found.images:
            cells = f"{percent(one.values[0])} {percent(one.values[1])}"
            change = _signed(one.values[1] - one.values[0])
            yield f"{_named(one.name, column)}{cells}{change:>12}"


def _column(names: Iterable[str], width: int | None) -> int:
    """Return the width of the column for the names of rows of scores."""
    whole = wide(names)
    return whole if width is None else min(whole, max(_NAME, width - _NUMBERS))


def _named(name: str, column: int) -> str:
    return f"{clipped(name, column - 2):<{column}}"


def _scores(
    title: str,
    rows: Mapping[str, ScoreDifference],
    first: str,
    second: str,
    width: int | None,
) -> Iterator[str]:
    column = _column([title, *rows], width)
    ends, better = "95 % interval", f"P({second} better)"
    yield (
        f"{_named(title, column)}{first:>6}{second:>7}{'difference':>12}  {ends:<16}{better:>13}"
    )
    for name, one in rows.items():
        values = " ".join(percent(None if math.isnan(v) else v) for v in one.values)
        ends = one.difference.low, one.difference.high
        between = "–" if None in ends else f"{_signed(ends[0])} to {_signed(ends[1])}"
        change, better = _signed(one.difference.value), probability(one.better)
        yield f"{_named(name, column)}{values}{change:>12}  {between:<16}{better:>13}"


def probability(value: float | None) -> str:
    """Return a probability with three digits; no number of samples shows that it is 0 or 1."""
    if value is None:
        return "–"
    return "> 0.999" if value > 0.999 else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _signed(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{round(100 * value, 1) + 0.0:+.1f}"  # never -0.0
