"""Titles of scores and other scalars, in tables, pictures and on pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def losses(names: Iterable[str]) -> list[str]:
    """Return the names of losses, those of single heads too."""
    return [name for name in names if name.endswith("/loss")]


def overall(names: Sequence[str]) -> list[str]:
    """Return the names of scores of whole splits, without those of single classes.

    ``val/mean_iou`` and ``val/iou/road`` with one head are ``val/HEAD/mean_iou`` and
    ``val/HEAD/iou/road`` with several.
    """
    scores = [name for name in names if "/" in name and not name.endswith("/loss")]
    depth = min((name.count("/") for name in scores), default=0)
    return [name for name in scores if name.count("/") == depth]


def scalar_titles(names: Sequence[str]) -> dict[str, str]:
    """Return the title of each scalar of a training, such as ``loss on train``, by name.

    ``names``: all names that the training logged, which show whether heads have names.
    """
    has_heads = any(name.count("/") > 1 for name in overall(names))
    return {name: _scalar_title(name, has_heads=has_heads) for name in names}


def _scalar_title(name: str, *, has_heads: bool) -> str:
    if name == "lr":
        return "learning rate"
    split, _, rest = name.partition("/")
    if name.endswith("/loss"):
        head, title = rest[: -len("/loss")], f"loss on {split}"
    else:
        head, _, rest = rest.partition("/") if has_heads else ("", "", rest)
        score, _, of_class = rest.partition("/")
        title = title_of(score) + (f" of {of_class}" if of_class else "")
    return f"{head}: {title}" if head else title
