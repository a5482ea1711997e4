"""Make the parts of a page each on its own, so that one that fails does not take others along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ....registry import reason_of

PagePart = TypeVar("PagePart")


def attempt(failure: str, make: Callable[[], PagePart], notes: list[str]) -> PagePart | None:
    """Return what ``make`` returns; if it raises an error, add ``failure`` and why to ``notes``."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - a page shows what it can
        notes.append(f"{failure}: {reason_of(error)[0].rstrip('.')}.")
        return None
