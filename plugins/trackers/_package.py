"""What trackers that belong to a third-party package have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from zlib import crc32

from ...core.authoring import read_json, write_json
from ...registry import MissingPackage

Tracked = Literal["scalars", "images"]


def require_package(module: str) -> None:
    """Check that a package is installed, without importing it, which takes seconds.

    Raises: MissingPackage that names the extra, which is called as the module.
    """
    found = find_spec(module)
    if found is None or found.origin is None:  # a folder of this name is not the package
        raise MissingPackage(
            f"tracker '{module}' needs the package {module}, which is not installed: "
            f"pip install 'pluxel[{module}]'"
        )


class HeldEnvironment:
    """Holds variables of ``os.environ`` for trackers that overlap, each in its own thread.

    A variable gets its earlier value back when the last of its holders ends, not the first. All
    holders of a variable must ask for the same value.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: dict[str, int] = {}
        self._before: dict[str, str | None] = {}

    @contextmanager
    def __call__(self, **values: str | None) -> Iterator[None]:
        """Set variables, or remove those with None, while the block runs."""
        with self._lock:
            for name, value in values.items():
                if not self._holders.get(name):
                    self._before[name] = os.environ.get(name)
                    _set(name, value)
                self._holders[name] = self._holders.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                for name in values:
                    self._holders[name] -= 1
                    if not self._holders[name]:
                        _set(name, self._before.pop(name))


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


environment = HeldEnvironment()
"""One for the process, as ``os.environ`` is."""


class TrackedRun:
    """The run of a package that a training continues after a resume, from a file of its own.

    The packages cannot delete what they have. So what a resumed training repeats is skipped: up to
    the last step that the earlier session tracked.
    """

    def __init__(self, run: Path, tracker: str, destination: str, step: int) -> None:
        """Take the run directory and the step at which the training starts or continues.

        ``destination``: tells apart several trackers of the same kind.
        """
        name = f"{tracker}-{crc32(destination.encode()):08x}.json"
        self._file = run / "tracked" / name
        stored = read_json(self._file) if step else None
        self._stored: dict[str, Any] = stored if isinstance(stored, dict) else {}
        self._before = dict(self._stored)

    @property
    def id(self) -> str | None:
        """The name of the tracked run in its package; None for a new one."""
        return self._stored.get("id")

    def began(self, name: str) -> None:
        """Keep the name of the tracked run for later sessions."""
        self._keep(id=name)

    def is_new(self, what: Tracked, step: int) -> bool:
        """Return whether earlier sessions did not track this step, and keep that this one does."""
        if step <= self._before.get(what, -1):
            return False
        if self._stored.get(what) != step:
            self._keep(**{what: step})
        return True

    def _keep(self, **values: Any) -> None:
        self._stored |= values
        write_json(self._file, self._stored)
