"""A table of all scalars, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
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
        self._last: dict[str, str] = {}
        self._place = 0
        """Where the last row begins in the file, in bytes: a step may come in several parts."""

    def start(self, run: Path, _config: Mapping[str, Any], step: int, /) -> None:
        """Begin the table, or keep its rows up to ``step``."""
        self._file = run / "scalars.csv"
        self._names = []
        if not step:
            self._file.unlink(missing_ok=True)
        self._rewrite(step)

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Add the row of a step, or complete it."""
        if new := [name for name in values if name not in self._names]:
            self._names += new
            self._rewrite(step)
        if self._last.get("step") != str(step):
            self._last, self._place = {"step": str(step)}, self._file.stat().st_size
        self._last |= {name: repr(one) for name, one in values.items()}
        self._write_last()

    def _rewrite(self, last: int) -> None:
        """Write the table with all columns, and its rows up to a step, one row at a time."""
        rows = self._rows(last)
        self._last = next(rows, {})
        with (
            replacing(self._file) as path,
            path.open("w", encoding="utf-8", newline="") as stream,
        ):
            writer = self._writer(stream)
            writer.writeheader()
            for row in rows:
                writer.writerow(self._last)
                self._last = row
        self._place = self._file.stat().st_size
        if self._last:
            self._write_last()

    def _rows(self, last: int) -> Iterator[dict[str, str]]:
        """Yield the rows up to a step; a line that a kill cut off is none, or not in order."""
        if not self._file.exists():
            return
        before = -1
        with self._file.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream)
            self._names += [
                name for name in table.fieldnames or () if name not in ("step", *self._names)
            ]
            for row in table:
                if row["step"].isdecimal() and before < int(row["step"]) <= last:
                    before = int(row["step"])
                    yield {name: text for name, text in row.items() if text}

    def _write_last(self) -> None:
        with self._file.open("r+", encoding="utf-8", newline="") as stream:
            stream.seek(self._place)
            self._writer(stream).writerow(self._last)
            stream.truncate()

    def _writer(self, stream: Any) -> csv.DictWriter[str]:
        return csv.DictWriter(stream, ["step", *self._names], lineterminator="\n")

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Do nothing: a table has no pictures."""

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Do nothing: the table is complete."""
