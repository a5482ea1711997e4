"""The file of a run that says when, where and from which files it was trained."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import torch
from pydantic import TypeAdapter, ValidationError

from ..common.files import MissingFile
from ..common.json_files import DamagedFile, require_json, write_json
from ..common.logs import logger

Status = Literal["running", "finished", "interrupted", "failed"]
"""How a session ended; one that was killed stays ``running``."""

MonitorMode = Literal["min", "max"]

PACKAGES = ("pluxel", "torch", "torchvision", "timm", "albumentations", "accelerate", "numpy")


@dataclass
class TrainingSession:
    """One call of ``pluxel train``, or of ``Trainer.train``.

    ``started``, ``ended``: in UTC, ISO 8601. ``first_step``, ``last_step``: the steps before and
    after it. ``planned_steps``: the step at which its present phase ends. ``monitor_mode``: whether
    a high or a low value of its ``monitor`` is better. ``machine``: what it ran on. ``versions``:
    package -> version.
    """

    started: str
    first_step: int
    status: Status = "running"
    ended: str | None = None
    last_step: int | None = None
    planned_steps: int | None = None
    monitor_mode: MonitorMode | None = None
    machine: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass
class SessionLog:
    """All sessions of a training, and ``origins``: dotted key -> where the last one got its value.

    Keys that no file and no override sets are absent.
    """

    sessions: list[TrainingSession] = field(default_factory=list)
    origins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> SessionLog:
        """Read the file, without odd sessions; return an empty log if it is missing.

        Raises: DamagedFile if it is not such a file.
        """
        try:
            content = require_json(path)
            origins, read = dict(content["origins"]), [_session(one) for one in content["sessions"]]
        except MissingFile:
            return cls()
        except (TypeError, KeyError, ValueError) as error:
            raise DamagedFile(f"{path} is damaged: it lists no sessions") from error
        return cls([one for one in read if one is not None], origins)

    @classmethod
    def to_continue(cls, path: Path) -> SessionLog:
        """Read the file; put a damaged one aside, with a warning, and return an empty log."""
        try:
            return cls.read(path)
        except DamagedFile as error:
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            logger.warning("%s; it is now %s, and a new history begins", error.message, aside.name)
            return cls()

    def write(self, path: Path) -> None:
        """Write the file atomically. Raises: PluxelError if writing fails."""
        write_json(
            path, {"sessions": [asdict(one) for one in self.sessions], "origins": self.origins}
        )

    def begin(self, step: int, device: torch.device, processes: int) -> TrainingSession:
        """Add a session that starts after a step, and return it."""
        session = TrainingSession(
            now(), step, machine=_machine(device, processes), versions=_versions()
        )
        self.sessions.append(session)
        return session


_SESSIONS = TypeAdapter(TrainingSession)


def _session(content: object) -> TrainingSession | None:
    try:
        return _SESSIONS.validate_json(json.dumps(content), strict=True)
    except ValidationError:
        return None


def now() -> str:
    """Return the time in UTC, to seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _machine(device: torch.device, processes: int) -> dict[str, str]:
    found = {"system": platform.platform(terse=True), "processor": _processor()}
    found["cores"] = str(os.cpu_count())
    is_cuda = device.type == "cuda"
    found["device"] = torch.cuda.get_device_name(device) if is_cuda else device.type
    return found | ({"processes": str(processes)} if processes > 1 else {})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # in a frozen application
            found[name] = version(name)
    return found
