"""Short names of runs that are given together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...registry import PluxelError


def names_of_runs(runs: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that differ, such as ``first`` or ``a/first``.

    Raises: PluxelError if a run is given twice.
    """
    # A link keeps its own name, such as that of the latest run.
    parts = [Path(os.path.abspath(run)).parts for run in runs]  # noqa: PTH100
    if len({*parts}) < len(parts):
        raise PluxelError("a run is given twice")
    lengths = range(1, max(map(len, parts)) + 1)
    ends = (["/".join(part[-length:]) for part in parts] for length in lengths)
    return next(names for names in ends if len({*names}) == len(names))
