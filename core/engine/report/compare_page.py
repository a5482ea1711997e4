"""The page of a comparison of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....registry import Host
from ...pictures.page import render
from ..comparison.differences import Comparison, HeadComparison, ScoreDifference
from ..comparison.table import probability, value_text
from ..titles import title_of
from .compared_pictures import PicturesOfRuns


def comparison_page(found: Comparison, host: Host) -> str:
    """Return a comparison as HTML: configurations, scores with intervals, classes, and images.

    Reads the images that the runs were evaluated on, and predicts those that differ most.
    """
    letters = found.letters
    pictures = PicturesOfRuns(dict(zip(letters, found.runs, strict=True)), host)
    comparisons = [
        {
            "letter": letter,
            "run": run,
            "heads": {head: _tables(one) for head, one in heads.items()},
            "equal": {head: one.is_equal for head, one in heads.items()},
            "images": {head: one.images for head, one in heads.items()},
            "pictures": {
                head: pictures.of_head((letters[0], letter), head, one.images)
                for head, one in heads.items()
            },
        }
        for letter, run, heads in zip(letters[1:], found.runs[1:], found.heads, strict=True)
    ]
    return render(
        "compare.html",
        f"Comparison of {len(found.runs)} runs on {found.split}",
        package=__name__.rpartition(".")[0],
        scripts=("tables.js",),
        found=found,
        notes=[*found.notes, *found.cautions, *pictures.notes],
        probability=probability,
        runs=[*zip(letters, found.runs, strict=True)],
        configuration={
            key: [value_text(value) for value in values]
            for key, values in found.configuration.items()
        },
        comparisons=comparisons,
    )


def _tables(head: HeadComparison) -> dict[str, dict[str, Any]]:
    """Return the tables of a head: title -> ``rows``, and the ``reach`` of their axis, 0 to 1."""
    scores = next(iter(head.per_class.values()), {})
    tables = {"score": {title_of(name): one for name, one in head.overall.items()}}
    for name in scores:
        of_classes = {each: found[name] for each, found in head.per_class.items()}
        tables[f"{title_of(name)} of class"] = of_classes
    return {title: {"rows": rows, "reach": _reach(rows)} for title, rows in tables.items()}


def _reach(rows: Mapping[str, ScoreDifference]) -> float:
    """Return the largest distance of an interval's end from 0, so that bars of a table compare."""
    ends = [
        abs(end)
        for one in rows.values()
        for end in (one.difference.low, one.difference.high)
        if end is not None
    ]
    return max(ends, default=0) or 1.0
