"""Intact and broken image files."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


SIDEWAYS = 6
"""EXIF orientation 6: rotate by 90° clockwise for display."""


def save(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def with_exif(path: Path, orientation: int) -> None:
    """Insert the chunk eXIf into a PNG; Pillow cannot write 16 bits per channel."""
    data, content = path.read_bytes(), exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + content
    path.write_bytes(
        data[:33]
        + struct.pack(">I", len(content))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + data[33:]
    )


def truncated_png(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = save(path, noise).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def truncated_jpeg(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = save(path, noise, format="JPEG").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def bomb(path: Path) -> Path:
    """A PNG of 200 bytes that claims a size of 60,000 × 60,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )
    return path


def text(path: Path) -> Path:
    path.write_text("<html>404 Not Found</html>")
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def flipped_bytes(path: Path) -> Path:
    data = bytearray(save(path, RGB).read_bytes())
    data[45:60] = bytes(15)
    path.write_bytes(data)
    return path


IDS = np.array([[0, 1, 255], [7, 0, 3]], np.uint8)


def palette_image(ids: np.ndarray) -> Image.Image:
    image = Image.fromarray(ids).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for i in range(256) for value in (255 - i, i, i // 2)])
    return image
