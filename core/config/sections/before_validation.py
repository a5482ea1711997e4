"""Prepare what a user wrote for validation by pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...common.files import expand_home
from ...contracts.annotations import accepts_none, alternatives, annotation_at


def prepare_for_validation(value: Any, annotation: Any) -> Any:
    """Return a value to validate.

    Null keys whose annotation does not accept null are dropped, so that defaults apply. ``~`` is
    expanded in paths.
    """
    if isinstance(value, str) and value.startswith("~"):
        types = [*alternatives(annotation)]
        return str(expand_home(Path(value))) if Path in types and str not in types else value
    if isinstance(value, Mapping):
        inner = {key: annotation_at(annotation, [key]) for key in value}
        return {
            key: prepare_for_validation(one, inner[key])
            for key, one in value.items()
            if one is not None or accepts_none(inner[key])
        }
    if isinstance(value, list):
        return [
            prepare_for_validation(one, annotation_at(annotation, [i]))
            for i, one in enumerate(value)
        ]
    return value
