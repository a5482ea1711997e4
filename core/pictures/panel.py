"""Panels: rows of images, columns such as input, truth, prediction and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .legend import LegendEntry, legend
from .text import INK, PAPER, text_picture

_GAP = 6
_SMALLEST = 240
"""Pixels that a panel has at least in width, so that its texts fit."""


@dataclass(frozen=True)
class PanelRow:
    """A row of a panel: its title, and a picture (h, w, 3) uint8 for each column.

    ``captions``: a line below each picture, or none.
    """

    title: str
    pictures: Sequence[np.ndarray]
    captions: Sequence[str] = ()


def panel(
    titles: Sequence[str],
    rows: Sequence[PanelRow],
    entries: Sequence[LegendEntry] = (),
    *,
    title: str = "",
) -> np.ndarray:
    """Return rows of pictures as one picture (H, W, 3) uint8 on white.

    ``titles``: of the columns. ``entries``: of the legend at the bottom.
    """
    widths = [
        max((row.pictures[column].shape[1] for row in rows), default=0)
        for column in range(len(titles))
    ]
    total = max(_SMALLEST, sum(widths) + _GAP * (len(widths) + 1))
    lefts = [_GAP * (i + 1) + sum(widths[:i]) for i in range(len(widths))]
    bands = [_texts([title], [_GAP], [total], total, 15)] if title else []
    bands.append(_texts(titles, lefts, widths, total))
    for row in rows:
        if row.title:
            bands.append(_texts([row.title], [_GAP], [total], total, 12))
        height = max(picture.shape[0] for picture in row.pictures)
        band = _blank(height, total)
        for picture, left in zip(row.pictures, lefts, strict=True):
            band[: picture.shape[0], left : left + picture.shape[1]] = picture
        bands.append(band)
        if any(row.captions):
            bands.append(_texts(row.captions, lefts, widths, total, 11))
    if entries:
        drawn = legend(entries, total - 2 * _GAP)
        bands.append(np.pad(drawn, ((0, 0), (_GAP, _GAP), (0, 0)), constant_values=PAPER[0]))
    gap = _blank(_GAP, total)
    return np.concatenate([gap, *(part for band in bands for part in (band, gap))])


def message(text: str, size: tuple[int, int]) -> np.ndarray:
    """Return a gray picture (height, width) that explains, for example, why an image is missing."""
    height, width = size
    picture = np.full((height, width, 3), 232, np.uint8)
    line, top = "", 4
    for word in [*text.split(), ""]:
        longer = f"{line} {word}".lstrip()
        if word and text_picture(longer, 11).shape[1] <= width - 8:
            line = longer
            continue
        if line and top + 14 <= height:
            drawn = text_picture(line, 11, width=width - 8)[:14]
            part = picture[top : top + drawn.shape[0], 4 : 4 + drawn.shape[1]]
            np.minimum(part, drawn, out=part)
            top += 14
        line = word
    return picture


def _texts(
    texts: Sequence[str], lefts: Sequence[int], widths: Sequence[int], total: int, size: int = 13
) -> np.ndarray:
    """Return a line with texts at the left of columns."""
    drawn = [
        text_picture(text, size, width=max(1, min(width, total - left)), color=INK)
        for text, left, width in zip(texts, lefts, widths, strict=False)
    ]
    band = _blank(max((one.shape[0] for one in drawn), default=1), total)
    for text, left in zip(drawn, lefts, strict=False):
        band[: text.shape[0], left : left + text.shape[1]] = text
    return band


def _blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), PAPER, np.uint8)
