"""Legends: a colored square and a name for each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..contracts.colors import Color
from ..contracts.labels import IGNORE, LabelSpace
from .masks import color_of, stripes
from .text import PAPER, class_labels, text_picture

LegendEntry = tuple[str, Color | None]
"""A name and its color; None is the pattern of ignored pixels."""

MOST = 60
"""Classes in a legend; the last line counts the others."""

_SQUARE, _GAP, _LINE = 12, 5, 18


def entries_of(
    space: LabelSpace, shown: Iterable[np.ndarray] | None = None, *, whole_names: bool = False
) -> list[LegendEntry]:
    """Return the entries for the classes of a head, in order, and for ignored pixels.

    ``shown``: class indices of any shape; only classes in these are listed, the most frequent ones
    if there are more than `MOST`. By default, all classes are. ``whole_names``: for pages, which
    need no short names with the letters of a font.
    """
    labels = space.class_names if whole_names else class_labels(space.class_names)
    counts = np.zeros(space.ignore_index + 1, np.int64)
    for classes in [np.arange(space.num_classes)] if shown is None else shown:
        counts += np.bincount(np.ravel(classes), minlength=len(counts))
    present = np.flatnonzero(counts[: space.num_classes])
    kept = np.sort(present[np.argsort(-counts[present], kind="stable")][:MOST])
    found: list[LegendEntry] = [(labels[index], color_of(space, index)) for index in kept]
    if len(present) > MOST:
        found.append((f"and {len(present) - MOST} other classes", PAPER))
    return [*found, (IGNORE, None)] if counts[space.ignore_index] else found


def legend(entries: Sequence[LegendEntry], width: int) -> np.ndarray:
    """Return a legend (h, width, 3) uint8 on white, in as many columns as fit."""
    texts = [text_picture(name, width=width - _SQUARE - _GAP) for name, _ in entries]
    column = max((text.shape[1] for text in texts), default=0) + _SQUARE + 4 * _GAP
    columns = max(1, min(width // column, len(entries)))
    rows = -(-len(entries) // columns)
    picture = np.full((rows * _LINE, width, 3), PAPER, np.uint8)
    for number, ((_, color), text) in enumerate(zip(entries, texts, strict=True)):
        top, left = number % rows * _LINE, number // rows * column
        square = picture[top + 3 : top + 3 + _SQUARE, left : left + _SQUARE]
        square[:] = stripes(square.shape) if color is None else color
        part = picture[top : top + _LINE, left + _SQUARE + _GAP :]
        height, length = min(text.shape[0], _LINE), min(text.shape[1], part.shape[1])
        part[:height, :length] = text[:height, :length]
    return picture
