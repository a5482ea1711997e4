"""A run's directory: everything that a training leaves behind, and all that prediction needs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...registry import PluxelError
from ..common.files import MissingFile, write_text


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
        """Tell whether a training has been started here, by what only a training writes."""
        return self.state.exists() or _is_dump(self.config)

    def check_claim(self, source: Path, *, resume: bool, overwrite: bool) -> None:
        """Refuse a training that would write over what is not its own; touches nothing.

        ``source``: the file of its configuration. ``overwrite``: the run that is here may go.

        Raises: PluxelError that names the file and the way out.
        """
        nearest = next(
            path for path in (self.directory, *self.directory.parents) if os.access(path, os.F_OK)
        )
        if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
            raise PluxelError(
                f"cannot write into {self.directory}: {nearest} is no folder that you may write to"
            )
        own = resume and self.state.exists()  # going on by the configuration that the run keeps
        if not own and self.config.exists() and self.config.samefile(source):
            raise PluxelError(
                f"{source} would be overwritten: a run keeps its configuration under this name; "
                "--run DIRECTORY trains elsewhere"
            )
        if (foreign := self._foreign()) is not None:
            raise PluxelError(
                f"{foreign} is there already, and is not of a run, which would overwrite it; "
                "--run DIRECTORY trains elsewhere"
            )
        if self.exists() and not (resume or overwrite):
            raise PluxelError(
                f"{self.directory} holds a run already: --resume auto goes on with it, "
                "--run DIRECTORY trains elsewhere, --overwrite deletes it"
            )

    def _foreign(self) -> Path | None:
        """Return a file that a training would write, but that none has written."""
        if self.config.exists() and not _is_dump(self.config):
            return self.config
        if self.exists():
            return None
        # All that a training leaves that failed before its first step.
        counts = _read_json(self.class_frequencies)
        is_counts = isinstance(counts, dict) and all(isinstance(n, dict) for n in counts.values())
        left = self.class_frequencies if is_counts else None
        return next((file for file in self._files() if file != left), None)

    def _files(self) -> list[Path]:
        """Return the files of a run that are here."""
        known = (self.config, self.weights, self.state, self.metrics, self.class_frequencies)
        scores = filter(self._is_results, self.directory.glob("results-*.json"))
        return [file for file in (*known, self.results_of("val"), *scores) if file.exists()]

    def _is_results(self, file: Path) -> bool:
        """Tell whether a file is called by the split whose scores it holds."""
        content = _read_json(file)
        return isinstance(content, dict) and file == self.results_of(str(content.get("split")))

    def delete(self) -> None:
        """Delete the files of the run; whatever else lies in its directory stays."""
        try:
            for file in self._files():
                file.unlink()
        except OSError as error:
            raise PluxelError(f"cannot delete {error.filename}: {error.strerror}") from error
        with suppress(OSError):  # not there, or not empty
            self.state.parent.rmdir()

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


def _is_dump(config: Path) -> bool:
    """Tell whether a configuration was written by a training: by the versions noted in it."""
    try:
        return re.search("^pluxel:", config.read_text(errors="replace"), re.MULTILINE) is not None
    except OSError:
        return False


def _read_json(file: Path) -> Any:
    """Return what a JSON file holds; None if it is not there, or not readable."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):  # a line that a kill cut short
        return float("inf")


def weights_file(source: Path) -> Path:
    """Return the file of weights in a run, or ``source`` itself where it is no folder.

    Raises: MissingFile if it is not there.
    """
    file = Run(source).weights if source.is_dir() else source
    if not file.is_file():
        raise MissingFile(f"{source}: no such file of weights, nor a run that has any")
    return file


def open_run(directory: Path) -> Run:
    """Return the run at ``directory``.

    Raises: PluxelError if there is none, or if it has no weights yet.
    """
    run = Run(directory)
    if not run.config.exists():
        raise PluxelError(f"{directory} is not a run: it has no config.yaml")
    if not run.weights.exists():
        raise PluxelError(
            f"{directory} has no weights yet: its training ended before the first evaluation; "
            f"pluxel train … --run {directory} --resume auto goes on with it"
        )
    return run
