"""Save pictures as PNG files that name Pluxel as their software."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..common.files import replacing

SOFTWARE = "pluxel"
"""Starts the text ``Software`` of every PNG that Pluxel writes."""


def mark(software: str) -> PngInfo:
    """Return the mark to save a PNG with."""
    found = PngInfo()
    found.add_text("Software", software)
    return found


def png_bytes(picture: np.ndarray | Image.Image, software: str = SOFTWARE) -> bytes:
    """Return a picture as the bytes of a PNG: (H, W, 3) uint8, or one number a pixel, (H, W)."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, format="PNG", pnginfo=mark(software))
    return file.getvalue()


def jpeg_bytes(picture: np.ndarray, software: str = SOFTWARE, quality: int = 88) -> bytes:
    """Return a picture (H, W, 3) uint8 as the bytes of a JPEG, with its software as comment."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality, comment=software)
    return file.getvalue()


def webp_bytes(picture: np.ndarray) -> bytes:
    """Return a picture (H, W, 3) uint8 as the bytes of a WebP, some half of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="WEBP", quality=80)
    return file.getvalue()


def save_png(path: Path, picture: np.ndarray, software: str = SOFTWARE) -> None:
    """Write a picture as PNG, atomically: (H, W, 3) uint8, or one number a pixel, (H, W).

    Raises: PluxelError if the file cannot be written.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(png_bytes(picture, software))


def data_uri(content: bytes) -> str:
    """Return the bytes of a PNG, WebP or JPEG as an address that contains them."""
    kinds = {b"\x89PNG": "png", b"RIFF": "webp"}
    kind = kinds.get(content[:4], "jpeg")
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
