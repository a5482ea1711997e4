"""Format a comparison of runs for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from ...common.nested import plain_text
from ..evaluation.table import percent, wide
from ..evaluation.titles import title_of
from .differences import Comparison, HeadComparison, ScoreDifference

_SHOWN = 30
"""Characters of a value of the configuration."""


def comparison_table(found: Comparison) -> str:
    """Return the runs, what differs in their configurations, and all scores in percent."""
    letters = [letter_of(number) for number in range(len(found.runs))]
    lines = [
        f"{letter}  {one.directory}, step {one.kept.step}"
        for letter, one in zip(letters, found.runs, strict=True)
    ]
    lines += [
        f"{found.images} images of {found.split}; intervals from {found.samples} resamples of "
        f"{found.blocks.count} blocks: {found.blocks.description}",
        *(f"note: {note}" for note in found.notes),
        "",
        *_configuration(found.configuration, letters),
    ]
    for letter, heads in zip(letters[1:], found.heads, strict=True):
        for head, one in heads.items():
            title = f"[{head}] " if len(heads) > 1 else ""
            lines += ["", *_head(one, title, letters[0], letter)]
    return "\n".join(lines)


def letter_of(number: int) -> str:
    """Return the letter that stands for a run, by its number."""
    return ascii_uppercase[number] if number < len(ascii_uppercase) else f"run {number + 1}"


def _configuration(values: Mapping[str, Sequence[Any]], letters: Sequence[str]) -> Iterator[str]:
    if not values:
        yield "the configurations are equal"
        return
    texts = {key: [_short(value) for value in each] for key, each in values.items()}
    width = wide(texts)
    columns = [
        max(len(letter), *(len(row[at]) for row in texts.values())) + 2
        for at, letter in enumerate(letters)
    ]
    for key, row in {"configuration": letters, **texts}.items():
        cells = "".join(f"{cell:<{size}}" for cell, size in zip(row, columns, strict=True))
        yield f"{key:<{width}}{cells}".rstrip()


def _short(value: Any) -> str:
    if value is None:
        return "–"
    text = plain_text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _head(found: HeadComparison, title: str, first: str, second: str) -> Iterator[str]:
    rows = {title_of(name): one for name, one in found.overall.items()}
    yield from _scores(f"{title}score", rows, first, second)
    names = [name for name in next(iter(found.per_class.values()), {}) if name != "accuracy"]
    for name in names:
        yield ""
        of_classes = {each: scores[name] for each, scores in found.per_class.items()}
        yield from _scores(f"{title}{title_of(name)} of class", of_classes, first, second)
    if found.images:
        width = wide(one.name for one in found.images)
        yield ""
        yield f"{'images that differ most':<{width}}{first:>6}{second:>7}{'difference':>12}"
        for one in found.images:
            cells = f"{percent(one.values[0])} {percent(one.values[1])}"
            yield f"{one.name:<{width}}{cells}{_signed(one.values[1] - one.values[0]):>12}"


def _scores(
    title: str, rows: Mapping[str, ScoreDifference], first: str, second: str
) -> Iterator[str]:
    width = max(wide(rows), len(title) + 2)
    ends, better = "95 % interval", f"P({second} better)"
    yield (f"{title:<{width}}{first:>6}{second:>7}{'difference':>12}  {ends:<16}{better:>14}")
    for name, one in rows.items():
        values = " ".join(percent(None if math.isnan(v) else v) for v in one.values)
        ends = one.difference.low, one.difference.high
        between = "–" if None in ends else f"{_signed(ends[0])} to {_signed(ends[1])}"
        share = "–" if one.better is None else f"{one.better:.3f}"
        change = _signed(one.difference.value)
        yield f"{name:<{width}}{values}{change:>12}  {between:<16}{share:>14}"


def _signed(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:+.1f}"
