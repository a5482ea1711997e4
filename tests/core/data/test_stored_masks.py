"""Masks of all formats and types are read as they are stored, not as they look."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from pluxel.core.data.images import read_index_mask, read_rgb_mask
from pluxel.core.data.masks import ColoredMaskError
from pluxel.core.data.pixels import ImageError

from .image_files import palette_image
from .tiffs import write

IDS = np.array([[0, 1, 2, 3, 1], [3, 2, 0, 0, 1], [1, 1, 2, 3, 0]], np.uint8)
WIDE = IDS.astype(np.uint16) * 999


def png(path: Path, bits: int, ids: np.ndarray) -> None:
    """Write a grayscale PNG of less than 8 bits, which Pillow reads but does not write."""
    rows = b""
    for row in ids:
        values = np.zeros(-(-len(row) * bits // 8) * 8 // bits, np.uint8)
        values[: len(row)] = row
        stacked = np.unpackbits(values[:, None], axis=1)[:, 8 - bits :]
        rows += b"\0" + np.packbits(stacked.ravel()).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        code = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + code

    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def pgm(path: Path, maximum: int, ids: np.ndarray) -> None:
    kind = ">u2" if maximum > 255 else "u1"
    header = f"P5 {ids.shape[1]} {ids.shape[0]} {maximum}\n".encode()
    path.write_bytes(header + ids.astype(kind).tobytes())


def pbm(path: Path, ids: np.ndarray) -> None:
    path.write_text(f"P1 {ids.shape[1]} {ids.shape[0]}\n" + " ".join(map(str, ids.ravel())))


SAVED: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "png, 1 bit": ("png", lambda p: png(p, 1, IDS % 2), IDS % 2),
    "png, 2 bits": ("png", lambda p: png(p, 2, IDS), IDS),
    "png, 4 bits": ("png", lambda p: png(p, 4, IDS * 5), IDS * 5),
    "png, 16 bits": (
        "png",
        lambda p: Image.fromarray(WIDE).save(p),
        WIDE,
    ),
    "png, 16 bits, equal channels": (
        "png",
        lambda p: cv2.imwrite(str(p), np.dstack([WIDE] * 3)),
        WIDE,
    ),
    "palette of 2 bits": ("png", lambda p: palette_image(IDS).save(p, bits=2), IDS),
    "gif": ("gif", lambda p: palette_image(IDS).save(p), IDS),
    "bmp": ("bmp", lambda p: Image.fromarray(IDS).save(p), IDS),
    "pgm up to 3": ("pgm", lambda p: pgm(p, 3, IDS), IDS),
    "pgm up to 1000": ("pgm", lambda p: pgm(p, 1000, WIDE // 3), WIDE // 3),
    "pgm up to 65535": ("pgm", lambda p: pgm(p, 65535, WIDE // 3), WIDE // 3),
    "pbm, 1 is black": ("pbm", lambda p: pbm(p, IDS % 2), IDS % 2),
    "packed pbm": (
        "pbm",
        lambda p: Image.fromarray(IDS % 2 == 0).save(p),  # Pillow writes black as 1
        IDS % 2,
    ),
    "tiff, 1 bit": ("tif", lambda p: write(p, (IDS % 2)[..., None], nbits=1), IDS % 2),
    "tiff, 1 bit, white is zero": (
        "tif",
        lambda p: write(p, (IDS % 2)[..., None], nbits=1, photometric="miniswhite"),
        IDS % 2,
    ),
    "tiff, 2 bits": ("tif", lambda p: write(p, IDS[..., None], nbits=2), IDS),
    "tiff, 4 bits, white is zero": (
        "tif",
        lambda p: write(p, IDS[..., None], nbits=4, photometric="miniswhite"),
        IDS,
    ),
    "tiff, palette": ("tif", lambda p: palette_image(IDS).save(p), IDS),
    **{
        f"tiff, {dtype}, white is zero": (
            "tif",
            lambda p, dtype=dtype: tifffile.imwrite(p, IDS.astype(dtype), photometric="miniswhite"),
            IDS,
        )
        for dtype in ("uint8", "uint16", "uint32")
    },
    **{
        f"{suffix}, {order}{dtype}": (
            suffix,
            lambda p, suffix=suffix, dtype=dtype, order=order: (
                np.save(p, signed(dtype).astype(np.dtype(dtype).newbyteorder(order)))
                if suffix == "npy"
                else tifffile.imwrite(p, signed(dtype), byteorder=order)
            ),
            None,
        )
        for suffix in ("tif", "npy")
        for order in "<>"
        for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    },
}


def signed(dtype: str) -> np.ndarray:
    """Ids with the smallest and, up to 32 bits, the largest value of a type."""
    ids = IDS.astype(dtype)
    ids[0, :2] = np.iinfo(dtype).min, min(np.iinfo(dtype).max, 2**31 - 1)
    return ids


@pytest.mark.parametrize("kind", SAVED)
def test_ids_are_as_stored(tmp_path, kind) -> None:
    suffix, save, expected = SAVED[kind]
    path = tmp_path / f"a.{suffix}"
    save(path)
    if expected is None:
        expected = signed(kind.split()[1][1:])
    read = read_index_mask(path)
    assert read.dtype.kind in "iu"
    assert read.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("suffix", ["tif", "npy"])
def test_floats_are_not_ids(tmp_path, dtype, suffix) -> None:
    path = tmp_path / f"a.{suffix}"
    save = np.save if suffix == "npy" else tifffile.imwrite
    save(path, IDS.astype(dtype))
    with pytest.raises(ImageError, match=rf"{path}: a mask must contain integers of shape \(heigh"):
        read_index_mask(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colors_are_not_ids(tmp_path, suffix) -> None:
    colors = np.zeros((2, 3, 3), np.uint8)
    colors[0, 0] = 255, 0, 10
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colors).save(path)
    with pytest.raises(ColoredMaskError, match=r"contains colors \(RGB\), not ids"):
        read_index_mask(path)
    assert read_rgb_mask(path).tolist() == [[0xFF000A, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colors_of_sixteen_bits(tmp_path, suffix) -> None:
    """Multiples of 257 are colors of 8 bits; anything else would lose digits."""
    colors = np.zeros((2, 3, 3), np.uint16)
    colors[0, 0] = 255 * 257, 0, 10 * 257
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), colors[..., ::-1])
    assert read_rgb_mask(path)[0, 0] == 0xFF000A
    colors[0, 0] = 255, 0, 10
    cv2.imwrite(str(path), colors[..., ::-1])
    with pytest.raises(ImageError, match="a mask of colors needs 8 bits per channel, not uint16"):
        read_rgb_mask(path)


@pytest.mark.parametrize("suffix", ["png", "tif", "gif"])
def test_palettes_are_colors_for_masks_of_colors(tmp_path, suffix) -> None:
    path = tmp_path / f"a.{suffix}"
    palette_image(IDS).save(path)
    assert (read_rgb_mask(path) >> 16 == 255 - IDS).all()
    assert (read_rgb_mask(path) >> 8 & 255 == IDS).all()
