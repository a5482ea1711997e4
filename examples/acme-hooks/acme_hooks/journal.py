"""Gather facts of a training, and write them to a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "ACME_JOURNAL"
"""Names a folder for the journals of all runs; by default, each lies in its run directory."""


@dataclass
class Journal:
    """What was seen since the last line: losses of updates, and the network that is trained."""

    parameters: int = 0
    seed: int = 0
    losses: list[float] = field(default_factory=list)

    def write(self, run: Path, results: Mapping[str, Any]) -> None:
        """Append a line about an evaluation, and forget the losses."""
        line = {
            "step": results["step"],
            "split": results["split"],
            "parameters": self.parameters,
            "seed": self.seed,
            "updates": len(self.losses),
            "loss": sum(self.losses) / len(self.losses) if self.losses else None,
        }
        self.losses.clear()
        with file_of(run).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def file_of(run: Path) -> Path:
    """Return the journal of a run."""
    folder = os.environ.get(VARIABLE)
    return Path(folder, f"{run.name}.jsonl") if folder else run / "journal.jsonl"


def folder_problem() -> str:
    """Return why the folder cannot hold journals; empty if it can."""
    folder = os.environ.get(VARIABLE)
    if not folder or os.access(folder, os.W_OK | os.X_OK):
        return ""
    return f"${VARIABLE} is {folder}, which is not a writable folder: create it"
