"""One logger for the package, and lines that are worth saying once."""

from __future__ import annotations

import logging
from functools import lru_cache

logger = logging.getLogger("pluxel")


@lru_cache(maxsize=65536)
def log_once(level: int, message: str) -> None:
    """Log a message the first time that it comes up in this process.

    A file is read once an epoch; what is said of it need not be.
    """
    logger.log(level, message)
