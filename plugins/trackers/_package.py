"""What trackers that belong to a package of others have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
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


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Set environment variables, or remove those with None, while the block runs."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


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
