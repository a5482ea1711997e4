"""The logger of the package, messages that are logged once, and one line for each kind of message.

Reading 30 gray images is one line, ``30 images converted from grayscale to RGB``, at the end of a
pass over the data. A worker process counts as its parent does, and sends what it counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

logger = logging.getLogger("pluxel")


@lru_cache(maxsize=65536)
def log_once(level: int, message: str) -> None:
    """Log a message the first time that it occurs in this process.

    A file is read in every epoch, but a message about it is needed once.
    """
    logger.log(level, message)


class Counted:
    """The images of each kind of message, to log one line a kind."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, str], dict[str, None]] = {}
        self._logged: set[tuple[int, str]] = set()

    def add(self, level: int, name: str, text: str) -> None:
        """Count an image, once for each text."""
        self._names.setdefault((level, text), {})[name] = None

    def take(self) -> list[tuple[int, str, str]]:
        """Return and forget what was added, as arguments of `add`."""
        found = [(level, n, text) for (level, text), names in self._names.items() for n in names]
        self._names.clear()
        return found

    def log(self) -> None:
        """Log the kinds that were not logged yet: ``30 images converted from palette to RGB``."""
        for kind, names in self._names.items():
            if kind not in self._logged:
                self._logged.add(kind)
                level, text = kind
                first = next(iter(names))
                several = f"{len(names)} images {text}, such as {first}"
                logger.log(level, several if len(names) > 1 else f"{first}: {text}")


_COUNTED: ContextVar[Counted | None] = ContextVar("counted", default=None)


def log_image(name: object, text: str, level: int = logging.INFO) -> None:
    """Log what was done to an image, such as ``converted from palette to RGB``.

    Logs once per image; within `images_counted`, once per text.
    """
    if (counted := _COUNTED.get()) is not None:
        counted.add(level, str(name), text)
    else:
        log_once(level, f"{name}: {text}")


@contextmanager
def images_counted() -> Iterator[Counted]:
    """Count the images of `log_image` within the block, and log one line a text at its end.

    A block within another one leaves this to the outer one.
    """
    if (outer := _COUNTED.get()) is not None:
        yield outer
        return
    counted = Counted()
    token = _COUNTED.set(counted)
    try:
        yield counted
    finally:
        _COUNTED.reset(token)
        counted.log()


def count_for_parent() -> None:
    """Count the images of this process, a worker, from now on, for its parent to log."""
    _COUNTED.set(Counted())


def counted_for_parent() -> list[tuple[int, str, str]]:
    """Return what this process, a worker, has counted since the last call."""
    return counted.take() if (counted := _COUNTED.get()) is not None else []
