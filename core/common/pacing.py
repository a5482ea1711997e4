"""Do repeated work, such as drawing, in a bounded fraction of the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pace:
    """Leaves pauses between pieces of work; the first one is due at once."""

    def __init__(self) -> None:
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the pause after the last piece of work is over."""
        return time.monotonic() >= self._due

    @contextmanager
    def working(self, fraction: float) -> Iterator[None]:
        """Do a piece of work in this block; the pause makes it at most ``fraction`` of the time.

        Work that raises an error has no pause.
        """
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self._due = ended + (ended - began) / fraction
