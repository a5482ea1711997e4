"""A run's directory: everything that a training leaves behind, and all that prediction needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...registry import PluxelError
from ..files import write_text


@dataclass(frozen=True)
class Run:
    """The files of one run.

    ``config.yaml``: every default filled in, names qualified. ``weights.safetensors``: the best by
    ``monitor``, or the last. ``last/state.safetensors``: raw weights and what resuming needs.
    ``metrics.jsonl``: a line a log interval and a line an evaluation. ``results.json``: the scores
    of ``weights.safetensors`` on ``val``; those on another split are in ``results-SPLIT.json``.
    ``class_frequencies.json``: pixels a class in the training split.
    """

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration with every default."""
        return self.directory / "config.yaml"

    @property
    def weights(self) -> Path:
        """The weights to predict with."""
        return self.directory / "weights.safetensors"

    @property
    def state(self) -> Path:
        """The last checkpoint."""
        return self.directory / "last" / "state.safetensors"

    @property
    def metrics(self) -> Path:
        """The log: a JSON object a line."""
        return self.directory / "metrics.jsonl"

    def results_of(self, split: str) -> Path:
        """Return where the scores of the weights on a split are."""
        name = "" if split == "val" else "-" + re.sub(r"[^\w.+-]+", "_", split).strip("_")
        return self.directory / f"results{name}.json"

    @property
    def class_frequencies(self) -> Path:
        """Pixels of each class in the training split, by head."""
        return self.directory / "class_frequencies.json"

    def exists(self) -> bool:
        """Tell whether a training has been started here."""
        return self.config.exists()

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise PluxelError(f"cannot write {self.metrics}: {error.strerror or error}") from error

    def forget_after(self, step: int) -> None:
        """Drop the log lines of steps that the checkpoint has not seen: they will come again."""
        if self.metrics.exists():
            lines = self.metrics.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step(line) <= step]
            write_text(self.metrics, "".join(f"{line}\n" for line in kept))


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):  # a line that a kill cut short
        return float("inf")


def open_run(directory: Path) -> Run:
    """Return the run at ``directory``.

    Raises: PluxelError if there is none, or if it has no weights yet.
    """
    run = Run(directory)
    if not run.exists():
        raise PluxelError(f"{directory} is not a run: it has no config.yaml")
    if not run.weights.exists():
        raise PluxelError(
            f"{directory} has no weights yet: its training ended before the first evaluation; "
            f"pluxel train … --run {directory} --resume auto goes on with it"
        )
    return run
