"""Names in pictures: short, different from each other, and with letters that a font has."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LENGTH = 28
"""Letters of a name in a picture."""

INK, PAPER = (34, 34, 34), (255, 255, 255)
"""Colors of text and of the background."""

_MISSING = "□"
"""Stands for a letter that no font has; DejaVu Sans has it."""

_OTHER_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Arial Unicode MS"),
)
"""Families with Chinese, Japanese or Korean letters, used if they are installed."""


def shortened(text: str, length: int = LENGTH) -> str:
    """Return a name on one line, without control characters, of at most ``length`` letters."""
    plain = "".join(" " if letter.isspace() else letter for letter in text)
    plain = " ".join("".join(c for c in plain if unicodedata.category(c)[0] != "C").split())
    return plain if len(plain) <= length else f"{plain[: length - 1].rstrip()}…"


def readable(text: str) -> str:
    """Return a text in which □ replaces letters that no available font has."""
    letters = _letters(font_file(text))
    return "".join(letter if ord(letter) in letters else _MISSING for letter in text)


def class_labels(names: Sequence[str], length: int = LENGTH) -> list[str]:
    """Return what pictures call classes: short, readable, and all different.

    Names that would look alike, or that lose letters, get the number of their class.
    """
    labels = [readable(shortened(name, length)) for name in names]
    counts = Counter(labels)
    return [
        f"{index} {label}".rstrip()
        if counts[label] > 1 or _MISSING in label or not label
        else label
        for index, label in enumerate(labels)
    ]


def font_file(text: str) -> Path:
    """Return the file of the first font that has all letters of a text, else DejaVu Sans."""
    usual = _usual_font()
    if all(ord(letter) in _letters(usual) for letter in text):
        return usual
    others = filter(None, map(_installed, _OTHER_FONTS))
    wanted = {ord(letter) for letter in text}
    return next((font for font in others if wanted <= _letters(font)), usual)


@cache
def _usual_font() -> Path:
    import matplotlib as mpl  # noqa: PLC0415 - only when something is drawn

    return Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@cache
def _installed(family: str) -> Path | None:
    """Return the file of an installed family of fonts."""
    from matplotlib.font_manager import FontProperties, findfont  # noqa: PLC0415

    try:
        return Path(findfont(FontProperties(family=[family]), fallback_to_default=False))
    except ValueError:
        return None


@cache
def _letters(font: Path) -> frozenset[int]:
    """Return the code points that a font has."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    return frozenset(FT2Font(str(font)).get_charmap())


@cache
def _font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


def text_picture(
    text: str, size: int = 13, *, width: int | None = None, color: tuple[int, int, int] = INK
) -> np.ndarray:
    """Return a line of text as a picture (h, w, 3) uint8 on white.

    ``size``: of the letters, in pixels. ``width``: the largest width; longer texts end with "…".
    """
    font = _font(font_file(text), size)
    text = readable(text)
    whole = text
    while width is not None and len(text) > 1 and font.getlength(text) > width:
        whole = whole[:-1]
        text = f"{whole.rstrip()}…"
    ascent, descent = font.getmetrics()
    picture = Image.new("RGB", (max(1, round(font.getlength(text) + 0.5)), ascent + descent), PAPER)
    ImageDraw.Draw(picture).text((0, 0), text, color, font)
    drawn = np.asarray(picture)
    return drawn if width is None else drawn[:, :width]
