"""Limits of Pillow on what a file may expand to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin

from .pixels import ImageError

VARIABLE = "PLUXEL_MAX_PIXELS"

_TEXT_BYTES = 1 << 28
"""Bytes of text or color profile in a PNG; the limit of Pillow, 1 MiB, rejects real files."""


@contextmanager
def pillow_limits(name: Path | str) -> Iterator[None]:
    """Read images within the limits of Pluxel: $PLUXEL_MAX_PIXELS, or twice Pillow's limit.

    Raises: ImageError that names the variable if an image has more pixels.
    """
    pixels, texts = Image.MAX_IMAGE_PIXELS, (
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    )  # fmt: skip
    given = os.environ.get(VARIABLE, "")
    if given and not (given.isdecimal() and int(given)):
        raise ImageError(f"{VARIABLE} is {given!r}; set it to a number of pixels")
    Image.MAX_IMAGE_PIXELS = -(-int(given) // 2) if given else pixels
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES
    try:
        with warnings.catch_warnings():
            # Pillow warns from its limit on, and raises from twice the limit on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ImageError(
            f"{name}: cannot be read: it has more than {limit:,} pixels. This limit protects "
            "against damaged files; if the image really is that large, set the environment "
            f"variable {VARIABLE} to a larger number"
        ) from error
    finally:
        Image.MAX_IMAGE_PIXELS = pixels
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = texts
