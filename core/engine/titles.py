"""Titles of scores and other scalars, in tables, pictures and on pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

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

_WORDS = {"iou": "IoU", "f1": "F1", "dice": "Dice", "boundary": "Boundary"}
"""Words that the papers of the scores capitalize."""


def title_of(score: str) -> str:
    """Return the title of a score, such as ``mean IoU`` of ``mean_iou``."""
    words = (_WORDS.get(word, word) for word in score.split("_"))
    return _TITLES.get(score) or " ".join(words)


class ScalarName(NamedTuple):
    """The parts of a scalar's name, ``SPLIT/HEAD/SCORE/CLASS``; those that it lacks are empty.

    Names of classes may contain slashes. Names have no head if the network has only one.
    """

    split: str
    head: str
    score: str
    of_class: str

    @property
    def is_loss(self) -> bool:
        """Whether it is a loss, of all heads or of one; not if a class is called so."""
        return self.score == "loss" and not self.of_class


def scalar_names_in(names: Iterable[str]) -> dict[str, ScalarName]:
    """Return the parts of each name.

    ``names``: all that a training or an evaluation gives, which show whether heads have names.
    """
    parts = {name: name.split("/") for name in names}
    # Scores of a whole split have two parts with one head, and three with several.
    has_heads = not any(len(one) == 2 and one[1] != "loss" for one in parts.values())
    found = {}
    for name, (*start, last) in parts.items():
        split, *rest = [*start, last] if start else ["", last]
        head = rest.pop(0) if has_heads and len(rest) > 1 else ""
        found[name] = ScalarName(split, head, rest[0], "/".join(rest[1:]))
    return found


def losses(names: Iterable[str]) -> list[str]:
    """Return the names of losses, those of single heads too. ``names``: all of a training."""
    return [name for name, parts in scalar_names_in(names).items() if parts.is_loss]


def overall(names: Iterable[str]) -> list[str]:
    """Return the names of scores of whole splits, without those of single classes.

    ``names``: all of a training.
    """
    return [
        name
        for name, parts in scalar_names_in(names).items()
        if parts.split and not parts.of_class and not parts.is_loss
    ]


def scalar_titles(names: Iterable[str]) -> dict[str, str]:
    """Return the title of each scalar of a training, such as ``loss on train``, by name.

    ``names``: all of a training.
    """
    return {name: _scalar_title(parts) for name, parts in scalar_names_in(names).items()}


def _scalar_title(parts: ScalarName) -> str:
    if not parts.split:
        return "learning rate" if parts.score == "lr" else title_of(parts.score)
    if parts.is_loss:
        title = f"loss on {parts.split}"
    else:
        title = title_of(parts.score) + (f" of {parts.of_class}" if parts.of_class else "")
    return f"{parts.head}: {title}" if parts.head else title
