"""The logger of the package, messages that are logged once, and conversions of images."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

logger = logging.getLogger("pluxel")


@lru_cache(maxsize=65536)
def log_once(level: int, message: str, conversion: tuple[str, str] | None = None) -> None:
    """Log a message the first time that it occurs in this process.

    A file is read in every epoch, but a message about it is needed once. ``conversion``: the image
    and the text of a conversion, for the process that counts them.
    """
    logger.log(level, message, extra={"conversion": conversion})


class Conversions:
    """The images of each kind of conversion, by name, to log one line a kind."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, str], dict[str, None]] = {}
        self._logged: set[tuple[int, str]] = set()

    def add(self, level: int, name: str, text: str) -> None:
        """Note that an image was converted."""
        self._names.setdefault((level, text), {})[name] = None

    def log(self) -> None:
        """Log the kinds that were not logged yet: ``30 images converted from palette to RGB``."""
        for kind, names in self._names.items():
            if kind not in self._logged:
                self._logged.add(kind)
                level, text = kind
                first = next(iter(names))
                several = f"{len(names)} images {text}, such as {first}"
                logger.log(level, several if len(names) > 1 else f"{first}: {text}")


_CONVERSIONS: ContextVar[Conversions | None] = ContextVar("conversions", default=None)


def log_conversion(name: object, text: str, level: int = logging.INFO) -> None:
    """Log that an image was converted, such as ``converted from palette to RGB``.

    Logs once per image; within `conversions_counted`, once per kind.
    """
    if (found := _CONVERSIONS.get()) is not None:
        found.add(level, str(name), text)
    else:
        log_once(level, f"{name}: {text}", (str(name), text))


@contextmanager
def conversions_counted() -> Iterator[Conversions]:
    """Count conversions within the block, and log one line a kind at its end.

    A block within another one leaves this to the outer one.
    """
    if (outer := _CONVERSIONS.get()) is not None:
        yield outer
        return
    counted = Conversions()
    token = _CONVERSIONS.set(counted)
    try:
        yield counted
    finally:
        _CONVERSIONS.reset(token)
        counted.log()


def count_no_conversions() -> None:
    """Log conversions at once from now on; for worker processes, whose parent counts them."""
    _CONVERSIONS.set(None)
