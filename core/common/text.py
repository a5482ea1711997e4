"""Phrases of messages."""

from __future__ import annotations

import re
from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 image``, ``2,000 images``, ``3 classes``."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def readable(docstring: str) -> str:
    """Return text of a docstring with the marks of Markdown: ``x`` within single backticks."""
    return docstring.replace("``", "`")


_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def visible(text: str) -> str:
    """Return a text in which control characters are readable, such as ``[U+202E]``.

    They are invisible, and some reorder the text around them. Tabs and line ends stay, and so do
    joiners, which some languages and emojis need. ``page.js`` does the same in pages.
    """
    return _INVISIBLE.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def extent(size: Sequence[int]) -> str:
    """Return a size as ``480×640``: height × width, the order of every message and option.

    ``size``: (height, width). A message that contains a size ends with ``(height × width)``.
    """
    height, width = size
    return f"{height}×{width}"


def byte_size(size: int) -> str:
    """Return a number of bytes as ``1.5 kB``, ``862 MB`` or ``10.4 GB``; a kB has 1,000 bytes."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 999.5:
            return plural(size, "byte") if unit == "bytes" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:,.3g} TB"


def clipped(text: str, length: int) -> str:
    """Return a text of at most ``length`` ≥ 3 letters; … stands for the middle of a longer one.

    Names that differ at their beginning or at their end stay different.
    """
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[-end:]}"


_SHOWN = 60
"""Most letters of a word in an error."""


def excerpt(word: str) -> str:
    """Return the beginning of a word, for an error."""
    return word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"
