"""A table of all scalars, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core import TrackedEnd
from ...core.authoring import replacing


class CSVFile:
    """Write ``scalars.csv`` into the run directory: a row for each step, a column for each name.

    Cells of scalars that a step does not have are empty. The configuration, the pictures and the
    results are files of the run already.
    """

    def __init__(self) -> None:
        self._file = Path()
        self._names: list[str] = []
        self._rows: dict[int, dict[str, str]] = {}

    def start(self, run: Path, _config: Mapping[str, Any], step: int, /) -> None:
        """Begin the table, or keep its rows up to ``step``."""
        self._file = run / "scalars.csv"
        self._names, self._rows = [], {}
        if step and self._file.exists():
            self._read(step)
        self._write()

    def _read(self, last: int) -> None:
        with self._file.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream)
            self._names = [name for name in table.fieldnames or () if name != "step"]
            for row in table:
                if row["step"].isdecimal() and int(row["step"]) <= last:
                    self._rows[int(row.pop("step"))] = {k: v for k, v in row.items() if v}

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Add the row of a step, or complete it."""
        new = [name for name in values if name not in self._names]
        is_next = not new and step not in self._rows
        self._names += new
        self._rows.setdefault(step, {}).update({name: repr(one) for name, one in values.items()})
        if not is_next:
            self._write()
            return
        with self._file.open("a", encoding="utf-8", newline="") as stream:
            self._writer(stream).writerow({"step": step, **self._rows[step]})

    def _write(self) -> None:
        with (
            replacing(self._file) as path,
            path.open("w", encoding="utf-8", newline="") as stream,
        ):
            writer = self._writer(stream)
            writer.writeheader()
            writer.writerows({"step": step, **row} for step, row in self._rows.items())

    def _writer(self, stream: Any) -> csv.DictWriter[str]:
        return csv.DictWriter(stream, ["step", *self._names], lineterminator="\n")

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Leave out pictures."""

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Do nothing: the table is complete."""
