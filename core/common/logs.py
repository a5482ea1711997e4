"""The logger of the package, and messages that are logged once."""

from __future__ import annotations

import logging
from functools import lru_cache

logger = logging.getLogger("pluxel")


@lru_cache(maxsize=65536)
def log_once(level: int, message: str) -> None:
    """Log a message the first time that it occurs in this process.

    A file is read in every epoch, but a message about it is needed once.
    """
    logger.log(level, message)


def log_conversion(name: object, text: str) -> None:
    """Log once that an image or a file was converted, such as ``converted from palette to RGB``."""
    log_once(logging.INFO, f"{name}: {text}")
