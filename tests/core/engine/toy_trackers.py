"""A plugin with trackers that work, or fail in one way each."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import numpy as np
from pluxel.registry import Component, hookimpl

CALLS: list[tuple[Any, ...]] = []
"""What `Recording` received, in order; each with the name of its thread at the end."""

RELEASED = Event()
"""Lets the calls of `Hanging` return."""


@hookimpl
def pluxel_trackers() -> list[Component]:
    return [
        Component(name, f"toy_trackers:{name.capitalize()}", "x")
        for name in ("recording", "raising", "leaving", "hanging", "impossible")
    ]


class Recording:
    """Keeps what it receives, then spoils it."""

    def __init__(self, *, name: str = "") -> None:
        self.name = name

    def keep(self, method: str, *values: Any) -> None:
        CALLS.append((self.name, method, *values, current_thread().name))

    def start(self, run: Path, config: dict[str, Any], step: int, /) -> None:
        self.keep("start", run, dict(config), step)
        config.clear()

    def scalars(self, step: int, values: dict[str, float], /) -> None:
        self.keep("scalars", step, dict(values))
        values.clear()

    def images(self, step: int, images: dict[str, np.ndarray], /) -> None:
        self.keep("images", step, {name: image.copy() for name, image in images.items()})
        for image in images.values():
            image[:] = 7

    def finish(self, results: dict[str, Any], status: str, /) -> None:
        self.keep("finish", dict(results), status)
        results.clear()


class Raising(Recording):
    """Raises in one of its methods."""

    def __init__(self, *, method: str = "scalars") -> None:
        super().__init__(name="raising")
        self.method = method

    def keep(self, method: str, *values: Any) -> None:
        super().keep(method, *values)
        if method == self.method:
            raise ConnectionError("no server")


class Leaving(Recording):
    """Ends the process, as it thinks."""

    def keep(self, method: str, *values: Any) -> None:
        super().keep(method, *values)
        sys.exit(3)


class Hanging(Recording):
    """Does not return from one of its methods before `RELEASED` is set."""

    def __init__(self, *, method: str = "scalars") -> None:
        super().__init__(name="hanging")
        self.method = method

    def keep(self, method: str, *values: Any) -> None:
        super().keep(method, *values)
        if method == self.method:
            RELEASED.wait()


class Impossible(Recording):
    """Cannot be built on this machine."""

    def __init__(self) -> None:
        raise OSError("no license")
