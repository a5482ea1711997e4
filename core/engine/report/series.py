"""The scalars of a training as series for charts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...common.numerics import mean_of_known
from ..curves import LogRecords, curve, scalar_names
from ..titles import losses, overall, scalar_titles

MOST_POINTS = 1000
"""Points of a series; of more, means of neighbors are shown."""

MOST_POINTS_OF_CLASSES = 50_000
"""Points of the series of all single classes together."""


def series_of(records: LogRecords) -> list[dict[str, Any]]:
    """Return each scalar: ``name``, ``title``, ``group``, ``steps`` and ``values``.

    ``group``: ``loss``, ``score``, ``rate``, or ``class`` for the scores of a class. Undefined
    values are None.
    """
    names = scalar_names(records)
    groups = dict.fromkeys(names, "class") | dict.fromkeys(overall(names), "score")
    groups |= dict.fromkeys(losses(names), "loss") | {"lr": "rate"}
    titles = scalar_titles(names)
    of_classes = [*groups.values()].count("class")
    most = min(MOST_POINTS, max(2, MOST_POINTS_OF_CLASSES // max(1, of_classes)))
    limits = dict.fromkeys(("loss", "score", "rate"), MOST_POINTS) | {"class": most}
    return [
        {
            "name": name,
            "title": titles[name],
            "group": groups[name],
            **_points(*curve(records, name), limits[groups[name]]),
        }
        for name in names
    ]


def _points(steps: Any, values: Any, most: int) -> dict[str, Any]:
    x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    if len(x) > most:
        x, y = (
            np.array([mean_of_known(part) for part in np.array_split(one, most)]) for one in (x, y)
        )
    shown = [None if np.isnan(value) else float(f"{value:.5g}") for value in y]
    return {"steps": x.round(1).tolist(), "values": shown}


def phases_of(records: LogRecords) -> list[dict[str, Any]]:
    """Return the name of each phase and its first logged step, in order; empty without phases."""
    found: dict[str, int] = {}
    for record in records:
        if name := record.get("phase"):
            found.setdefault(name, record["step"])
    return [{"name": name, "step": step} for name, step in found.items()]
