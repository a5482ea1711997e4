"""A process that searches what it was sent, for ``test_processes.py``."""

from __future__ import annotations

from multiprocessing.queues import Queue
from typing import Any


def search(sent: list[Any], answers: Queue[Any]) -> None:
    """Send back the nearest rows of row 3 by each object."""
    answers.put([nearest(one) for one in sent])


def nearest(one: Any) -> list[int]:
    """Return the numbers of the rows nearest to row 3."""
    index = getattr(one, "index", one)
    return index.search(index.vectors[3], 4).indices.tolist()
