"""Compare nested mappings of plain values, such as configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def nested_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], tuple[Any, Any]]]:
    """Yield the keys that lead to values that differ, and both values; None for an absent key.

    Lists are compared as a whole.
    """
    for key in [*before, *(key for key in now if key not in before)]:
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from nested_differences(old, new, (*path, key))
        elif old != new:
            yield (*path, key), (old, new)
