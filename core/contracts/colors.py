"""Colors: parse and format them, pack them into label ids, and list the PASCAL VOC palette."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

import numpy as np

Color = tuple[int, int, int]
"""(red, green, blue), 0–255."""

COLOR = "#[0-9a-fA-F]{6}"
HEX = re.compile(rf"{COLOR}\Z")

Integers = TypeVar("Integers", int, np.ndarray)
"""One integer, or an array of integers."""


def parse_color(value: object) -> Color:
    """Parse ``#rrggbb`` or three integers.

    Raises: ValueError, which pydantic reports.
    """
    if isinstance(value, str) and HEX.match(value):
        return unpack(int(value[1:], 16))
    if isinstance(value, list | tuple) and len(value) == 3:
        red, green, blue = value
        if all(type(part) is int and 0 <= part <= 255 for part in value):
            return red, green, blue
    raise ValueError(f"{value!r} is not a color: use '#rrggbb' or three integers from 0 to 255")


def pack(color: Iterable[Integers]) -> Integers:
    """Return (red, green, blue) as one 24-bit id; arrays need integers of at least 24 bits."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def unpack(raw: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the (red, green, blue) of a 24-bit id."""
    return raw >> 16 & 255, raw >> 8 & 255, raw & 255


def hex_color(color: Iterable[int]) -> str:
    """Return ``#rrggbb``."""
    return f"#{pack(color):06x}"


_SIMILAR = 32
"""Colors that differ by less in each channel look alike, above all in overlays."""

_FIRST = 512
"""VOC colors that differ by at least `_SIMILAR` in some channel."""


def free_colors(taken: Collection[Color]) -> Iterator[Color]:
    """Yield the colors of the PASCAL VOC palette but black, first those similar to none ``taken``.

    Once these are used up, similar ones follow, but none that is taken.
    """
    others = np.array([*taken], np.int64).reshape(-1, 3)
    first = [voc_color(index) for index in range(1, _FIRST)]
    far = [c for c in first if (np.abs(others - c).max(-1) >= _SIMILAR).all()]
    yield from far
    used = {*far, *taken}
    yield from (c for c in map(voc_color, range(1, 1 << 24)) if c not in used)


def voc_color(index: int) -> Color:
    """Return color ``index`` of the PASCAL VOC palette.

    The bits of the index, from the lowest, are dealt in turn to red, green and blue, where they
    fill each channel from its highest bit down.
    """
    channels = [0, 0, 0]
    for step in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * step + channel) & 1) << (7 - step)
    return channels[0], channels[1], channels[2]
