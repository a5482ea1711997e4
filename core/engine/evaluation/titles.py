"""Titles of scores, in tables and on pages."""

from __future__ import annotations

OVERALL = {
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_iou": "mean IoU",
    "mean_iou_foreground": "mean IoU, foreground",
    "frequency_weighted_iou": "frequency-weighted IoU",
}
PRESENT = {"mean_iou_present": "mean IoU, if present"}
"""Shown only if it differs from the mean IoU."""

ZERO_SHOT = {
    "seen_mean_iou": "mean IoU, seen",
    "unseen_mean_iou": "mean IoU, unseen",
    "harmonic_mean_iou": "harmonic mean of both",
}

_TITLES = OVERALL | PRESENT | ZERO_SHOT


def title_of(score: str) -> str:
    """Return the title of a score, such as ``mean IoU`` of ``mean_iou``."""
    words = ("IoU" if word == "iou" else word for word in score.split("_"))
    return _TITLES.get(score) or " ".join(words)
