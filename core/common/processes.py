"""Start Python processes that find the modules that this one finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "PYTHONSAFEPATH"


@contextmanager
def without_working_folder() -> Iterator[None]:
    """Let Python processes that start in the block import nothing from the working folder.

    `multiprocessing` starts processes by ``python -c``, which would prefer a file ``queue.py``
    there to the module of the standard library, while ``pluxel`` does not. Where a list holds the
    command of a process, give Python the option ``-P`` instead.
    """
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
