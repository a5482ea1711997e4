"""The run directory: all files that training writes and that prediction needs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from pydantic import FiniteFloat, NonNegativeInt, TypeAdapter

from ...registry import PluxelError, did_you_mean
from ..common.filelock_private import owner_is_dead
from ..common.files import cannot_write, check_writable, copy_file, remove_abandoned, write_text
from ..common.json_files import read_json
from ..pictures.saving import data_uri, png_bytes
from .curves import curves_picture, plot_curves, scalar_names
from .run_pictures import RunPictures

if TYPE_CHECKING:
    from ..pictures.charts import Axes

_PHASES = "phases"

_BESIDE_RESULTS = ("statistics", ".npz"), ("report", ".html")

SIGN_OF_LIFE = 30.0
"""Seconds without a sign of life after which an owner on another machine counts as dead."""

_LONGEST_NAME = 80  # file systems allow 255 bytes


class Run:
    """The files of one run, which may not exist yet.

    ``config.yaml``: the configuration with all defaults and qualified names.
    ``weights.safetensors``: the best weights by ``monitor``, or the last ones.
    ``last/state.safetensors``: raw weights and everything else that resuming needs.
    ``metrics.jsonl``: one line per log interval and one per evaluation. ``results.json``: scores of
    ``weights.safetensors`` on ``val``; ``results-SPLIT.json``: scores on another split.
    ``statistics.npz``, ``statistics-SPLIT.npz``: what these scores follow from, image by image.
    ``report.html``, ``report-SPLIT.html``: a web page for people.
    ``results/``: pictures of the training: curves, confusion matrices, and a panel of images; also
    earlier panels.
    ``training.json``: when and where it was trained, and the origin of each value of
    ``config.yaml``. ``class_frequencies.json``: pixels per class in the training split.
    ``phases/NAME``: what a phase of the training ended with, a run of its own.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config.yaml"
        self.weights = directory / "weights.safetensors"
        self.state = directory / "last" / "state.safetensors"
        self.metrics = directory / "metrics.jsonl"
        self.class_frequencies = directory / "class_frequencies.json"
        self.session_log = directory / "training.json"
        self.lock = directory / "training.lock"
        self.pictures = RunPictures(directory / "results")

    def phase(self, name: str) -> Run:
        """Return the run that a finished phase of the training becomes."""
        return Run(self.directory / _PHASES / name)

    def keep_phase(self, name: str, config: str) -> None:
        """Keep the weights and scores of this run as those of a phase with a configuration."""
        kept = self.phase(name)
        write_text(kept.config, config)
        for source, target in (
            (self.class_frequencies, kept.class_frequencies),
            (self.weights, kept.weights),
            (self.results_of("val"), kept.results_of("val")),
            (self.statistics_of("val"), kept.statistics_of("val")),
        ):
            if source.exists():
                copy_file(source, target)

    def _phases(self) -> list[Run]:
        return [Run(folder) for folder in sorted((self.directory / _PHASES).glob("*"))]

    def results_of(self, split: str) -> Path:
        """Return the file of the scores on a split; no two splits have the same one."""
        if split == "val":
            return self.directory / "results.json"
        name = re.sub(r"[^\w.+-]+", "_", split).strip("_")[:_LONGEST_NAME]
        if name != split:
            name += f"-{crc32(split.encode()):08x}"
        return self.directory / f"results-{name}.json"

    def statistics_of(self, split: str) -> Path:
        """Return the file of the statistics of each image of a split."""
        return _beside(self.results_of(split), *_BESIDE_RESULTS[0])

    def report_of(self, split: str) -> Path:
        """Return the file of the report on a split."""
        return _beside(self.results_of(split), *_BESIDE_RESULTS[1])

    def is_training(self) -> bool:
        """Return whether a training owns the run and shows signs of life."""
        with suppress(OSError):
            is_fresh = time.time() - self.lock.stat().st_mtime < SIGN_OF_LIFE
            return is_fresh and not owner_is_dead(self.lock)
        return False

    def step_of_results(self) -> int | None:
        """Return the step of the weights that ``results.json`` scores; None without this file."""
        content = read_json(self.results_of("val"))
        return content.get("step") if isinstance(content, dict) else None

    def exists(self) -> bool:
        """Return whether the directory contains a run: files that only training writes."""
        return self.state.exists() or _is_dump(self.config)

    def check_claim(
        self,
        source: Path | None,
        *,
        resume: bool | None,
        overwrite: bool,
        what: str = "training",
        option: str = "--run",
    ) -> None:
        """Check that a command would not overwrite files of others; write nothing.

        ``source``: the configuration file that it reads, if any. ``resume``: whether it continues
        an existing run; None if it cannot. ``overwrite``: whether it may delete an existing run.
        ``what``, ``option``: what errors call it, and its option for the directory.

        Raises: PluxelError that names the file and the options that avoid the conflict.
        """
        check_writable(self.directory)
        elsewhere = f"choose another directory with {option} DIRECTORY"
        own = resume and self.state.exists()  # resuming uses the run's own config.yaml
        if not own and source and self.config.exists() and self.config.samefile(source):
            raise PluxelError(
                f"{what} would overwrite {source}: a run saves its configuration under this "
                f"name; {elsewhere}"
            )
        if (foreign := self._foreign()) is not None:
            raise PluxelError(
                f"{what} would overwrite {foreign}, which does not belong to a run; {elsewhere}"
            )
        if self.exists() and not (resume or overwrite):
            continues = "" if resume is None else "--resume auto continues it, "
            raise PluxelError(
                f"{self.directory} already contains a run: {continues}"
                f"{option} DIRECTORY chooses another directory, --overwrite deletes it"
            )

    def _foreign(self) -> Path | None:
        """Return a file that training would overwrite, but that no training wrote."""
        if self.config.exists() and not _is_dump(self.config):
            return self.config
        if self.exists():
            return None
        # A training that fails before its first step leaves only this file.
        counts = read_json(self.class_frequencies)
        is_counts = isinstance(counts, dict) and all(isinstance(n, dict) for n in counts.values())
        own = self.class_frequencies if is_counts else None
        return next((file for file in self._files() if file != own), None)

    def _files(self) -> list[Path]:
        """Return the existing files of the run."""
        fixed = (self.config, self.weights, self.state, self.metrics)
        fixed += (self.class_frequencies, self.session_log)
        scores = filter(self._is_results, self.directory.glob("results-*.json"))
        results = self.results_of("val"), *scores
        beside = [_beside(file, *kind) for file in results for kind in _BESIDE_RESULTS]
        all_own = *fixed, *results, *beside
        own = [file for file in all_own if file.exists()]
        own += self.pictures.files()
        return own + [file for phase in self._phases() for file in phase.kept_files()]

    def kept_files(self) -> list[Path]:
        """Return the existing files that `keep_phase` writes, if this is the run of a phase."""
        results = self.results_of("val")
        scores = results, _beside(results, *_BESIDE_RESULTS[0])
        fixed = (self.config, self.weights, *scores, self.class_frequencies)
        return [file for file in fixed if file.exists()] if _is_dump(self.config) else []

    def _is_results(self, file: Path) -> bool:
        """Return whether a file contains scores of the split that its name states."""
        content = read_json(file)
        return isinstance(content, dict) and file == self.results_of(str(content.get("split")))

    def delete(self) -> None:
        """Delete the files of the run; keep all other files in its directory."""
        try:
            for file in self._files():
                file.unlink()
        except OSError as error:
            raise PluxelError(f"cannot delete {error.filename}: {error.strerror}") from error
        folders = [phase.directory for phase in self._phases()]
        folders += [self.directory / _PHASES, *self.pictures.folders]
        for folder in (self.state.parent, *folders):
            with suppress(OSError):  # missing, or not empty
                folder.rmdir()

    def remove_unfinished(self) -> None:
        """Delete what a training that was killed while writing has left."""
        phases = [phase.directory for phase in self._phases()]
        for folder in (self.directory, self.state.parent, *phases, *self.pictures.folders):
            remove_abandoned(folder)

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise cannot_write(self.metrics, error) from error

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, without those that are not whole records."""
        try:
            lines = self.metrics.read_bytes().splitlines()
        except OSError:
            return []
        return [record for line in lines if (record := _record(line)) is not None]

    def plot_curves(self, *names: str, ax: Axes | None = None) -> Axes:
        """Draw scalars of ``metrics.jsonl`` over steps, with the learning rate; return the axes.

        ``names``: such as ``val/mean_iou``; by default, all losses. ``ax``: matplotlib's axes to
        draw on, by default those of a new figure.

        Raises: PluxelError for a name that the training did not log, and if it logged nothing.
        """
        records = self.records()
        if not records:
            raise PluxelError(f"{self.directory} is not a run, or its training logged nothing yet")
        known = scalar_names(records)
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                raise PluxelError(f"{self.metrics} has no scalar {name!r}.{hint}")
        return plot_curves(records, names, ax=ax)

    def _repr_html_(self) -> str:
        """Show the curves in a notebook."""
        title = f"<b>{escape(str(self.directory))}</b>"
        if not (records := self.records()):
            return f"{title}: no steps yet"
        picture = data_uri(png_bytes(curves_picture(records)))
        return f'{title}<br><img alt="curves" src="{picture}">'

    def forget_after(self, step: int) -> None:
        """Drop log lines and panels of steps after the checkpoint; resuming repeats these steps."""
        self.pictures.forget_after(step)
        if self.metrics.exists():
            lines = self.metrics.read_bytes().splitlines()
            kept = [line for line in lines if (one := _record(line)) and one["step"] <= step]
            write_text(self.metrics, "".join(f"{line.decode()}\n" for line in kept))


def _beside(results: Path, what: str, suffix: str) -> Path:
    """Return the file of a split that lies beside its results."""
    return results.with_name(results.name.replace("results", what, 1)).with_suffix(suffix)


def _is_dump(config: Path) -> bool:
    """Return whether training wrote a configuration: it then records the versions."""
    try:
        return re.search("^pluxel:", config.read_text(errors="replace"), re.MULTILINE) is not None
    except OSError:
        return False


_VALUES = TypeAdapter(dict[str, FiniteFloat | None])
_COUNT = TypeAdapter(NonNegativeInt)


def _record(line: bytes) -> dict[str, Any] | None:
    """Return a line of the log; None if a kill cut it off, or another program wrote it."""
    try:
        found = json.loads(line.decode())
        values = {name: value for name, value in found.items() if name != "phase"}
        _COUNT.validate_python(values["step"], strict=True)
        seconds = _VALUES.validate_python(values, strict=True)["seconds"]
    except (ValueError, KeyError, AttributeError):
        return None
    return found if seconds is not None and isinstance(found.get("phase", ""), str) else None


def recorded_step(step: int, phase: str) -> dict[str, Any]:
    """Return how files of a run record a step: with its phase, if the training has phases."""
    return {"step": step} | ({"phase": phase} if phase else {})
