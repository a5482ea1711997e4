"""State of the whole process that several threads set at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock


class SharedContext:
    """Sets state of the process while any thread is inside of the context.

    The first thread that enters sets the state, and the last one that leaves restores it. If each
    thread saved and restored the state itself, one could restore what another one had set.

    ``make``: returns a context manager that sets and restores the state. Its errors on entering
    pass through.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        self._make = make
        self._lock = Lock()
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._context = self._make()
                self._context.__enter__()
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._context.__exit__(None, None, None)
