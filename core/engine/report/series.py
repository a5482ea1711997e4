"""The scalars of a training as series for charts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...common.numerics import mean_of_known
from ..curves import LogRecords, curve, losses, overall, scalar_names

MOST_POINTS = 1000
"""Points of a series; of more, means of neighbors are shown."""


def series_of(records: LogRecords) -> list[dict[str, Any]]:
    """Return each scalar: ``name``, ``group``, ``steps`` and ``values``; undefined values are None.

    ``group``: ``loss``, ``score``, ``rate``, or ``class`` for the scores of a class.
    """
    names = scalar_names(records)
    groups = dict.fromkeys(names, "class") | dict.fromkeys(overall(names), "score")
    groups |= dict.fromkeys(losses(names), "loss") | {"lr": "rate"}
    return [
        {"name": name, "group": groups[name], **_points(*curve(records, name))} for name in names
    ]


def _points(steps: Any, values: Any) -> dict[str, Any]:
    x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    if len(x) > MOST_POINTS:
        x, y = (
            np.array([mean_of_known(part) for part in np.array_split(one, MOST_POINTS)])
            for one in (x, y)
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
