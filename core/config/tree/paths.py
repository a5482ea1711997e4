"""Paths of keys as people write them: ``training.optimizer.lr``, ``loss.losses.0.weight``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .nodes import Segment

_STEP = re.compile(r'"([^"]*)"|([^."\[\]\s]+)|\[(\d+)\]')


def parse_path(text: str) -> tuple[str, ...]:
    """Split a path at its dots; ``a[0]`` is ``a.0``, and a key with a dot in it is ``"quoted"``.

    Raises: ValueError for a path with an empty or a malformed step.
    """
    steps: list[str] = []
    position = 0
    while position < len(text) or not steps:
        is_index = text[position : position + 1] == "["
        if steps and not is_index:
            if text[position] != ".":
                raise ValueError(f"'{text}' is not a path of keys such as training.optimizer.lr")
            position += 1
        found = _STEP.match(text, position)
        if not found or (found[3] is not None) != (is_index and bool(steps)):
            raise ValueError(f"'{text}' is not a path of keys such as training.optimizer.lr")
        steps.append(next(group for group in found.groups() if group is not None))
        position = found.end()
    return tuple(steps)


def format_path(path: Sequence[Segment]) -> str:
    """Write a path so that ``parse_path`` reads it back."""
    return ".".join(
        str(step) if (found := _STEP.fullmatch(str(step))) and found[2] else f'"{step}"'
        for step in path
    )


SHORT = {
    "backbone": ("streams", "image", "backbone"),
    "decoder": ("heads", "semantic", "decoder"),
    "loss": ("heads", "semantic", "loss"),
    "labels": ("heads", "semantic", "labels"),
    "zero_shot": ("heads", "semantic", "zero_shot"),
}
"""What the keys of the short form stand for: one stream ``image``, one head ``semantic``."""


def expand(path: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return a path of the short form as one of the long form; others as they are."""
    if path and path[0] in SHORT:
        return (*SHORT[str(path[0])], *path[1:])
    return tuple(path)
