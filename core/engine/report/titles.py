"""Titles of scores on pages."""

from __future__ import annotations

from ..comparison.table import TITLES
from ..evaluation.table import ZERO_SHOT

_TITLES = TITLES | ZERO_SHOT


def title_of(score: str) -> str:
    """Return the title of a score, such as ``mean IoU`` of ``mean_iou``."""
    words = ("IoU" if word == "iou" else word for word in score.split("_"))
    return _TITLES.get(score) or " ".join(words)
