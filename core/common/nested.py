"""Compare nested mappings of plain values, such as configurations, and show them as text."""

from __future__ import annotations

import json
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


def flat_texts(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the text of each value that is not a mapping, or an empty one.

    ``path`` leads to ``values``: each dotted key begins with it.
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat_texts(value, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), plain_text(value)


def plain_text(value: Any) -> str:
    """Return a text as it is, and another value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
