"""The only file that uses private names of albumentations; a test checks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def functions_by_key(transform: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that a transform applies to the arrays of a pipeline, by key.

    Changes take effect. Publicly, all masks of a pipeline are transformed in the same way.
    """
    return transform._key2func
