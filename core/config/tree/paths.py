"""Parse and format key paths such as ``training.optimizer.lr`` and ``loss.losses.0.weight``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .nodes import Segment

_STEP = re.compile(r'"([^"]*)"|([^."\[\]\s]+)')
_PATH = re.compile(rf"({_STEP.pattern})(\.({_STEP.pattern})|\[\d+\])*")


def parse_path(text: str) -> tuple[str, ...]:
    """Split a path at its dots; ``a[0]`` is ``a.0``, and ``"quotes"`` enclose a key with a dot.

    Raises: ValueError for an empty or malformed step.
    """
    if not _PATH.fullmatch(text):
        raise ValueError(f"'{text}' is not a path of keys such as training.optimizer.lr")
    return tuple(step[2] or step[1] for step in _STEP.finditer(text))


def format_path(path: Sequence[Segment]) -> str:
    """Return a path as text that ``parse_path`` reads back."""
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
"""Keys of the short form and their long paths: one stream ``image``, one head ``semantic``."""


def expand(path: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return a path of the short form in the long form; leave other paths unchanged."""
    if path and path[0] in SHORT:
        return (*SHORT[str(path[0])], *path[1:])
    return tuple(path)
