"""Limits of Pillow on what a file may expand to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin

from ..common.shared import SharedContext
from .pixels import ImageError

VARIABLE = "PLUXEL_MAX_PIXELS"

_TEXT_BYTES = 1 << 28
"""Bytes of text or color profile in a PNG; the limit of Pillow, 1 MiB, rejects real files."""


@contextmanager
def pillow_limits(name: Path | str) -> Iterator[None]:
    """Read images within the limits of Pluxel: $PLUXEL_MAX_PIXELS, or twice Pillow's limit.

    The limits are global variables of Pillow. They have their own values again as soon as no thread
    reads an image.

    Raises: ImageError that names the variable if an image has more pixels.
    """
    try:
        with _LIMITS:
            yield
    except Image.DecompressionBombError as error:
        raise too_large(
            f"{name}: cannot be read: it has more than {max_pixels():,} pixels", "image"
        ) from error


def too_large(text: str, what: str = "file") -> ImageError:
    """Return the error for a file beyond the limit, which names the variable that sets it."""
    return ImageError(
        f"{text}. This limit protects against damaged files; if the {what} really is that large, "
        f"set the environment variable {VARIABLE} to a larger number"
    )


@contextmanager
def _set_limits() -> Iterator[None]:
    usual = Image.MAX_IMAGE_PIXELS, (
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    )  # fmt: skip
    Image.MAX_IMAGE_PIXELS = _half_limit() or None
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, texts = usual
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = texts


_LIMITS = SharedContext(_set_limits)


def max_pixels() -> int:
    """Return the most pixels that an image may have; 0 means any number."""
    return 2 * _half_limit()


def _half_limit() -> int:
    """Return the limit as Pillow counts it: it warns from here on, and raises from twice as many.

    Zero: no limit.
    """
    given = os.environ.get(VARIABLE, "")
    if given and not (given.isdecimal() and int(given)):
        raise ImageError(f"{VARIABLE} is {given!r}; set it to a number of pixels")
    return -(-int(given) // 2) if given else Image.MAX_IMAGE_PIXELS or 0
