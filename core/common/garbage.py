"""Pause the search for cyclic garbage, which examines every object that imports create."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no cyclic garbage while the block runs, as what it imports and builds stays.

    With the objects of large libraries in memory, each full collection takes 50 to 100 ms.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
