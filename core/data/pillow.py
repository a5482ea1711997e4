"""Read images with Pillow: as they look for the network, and as they are stored for labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ...registry import needed_by
from ..common.logs import log_image
from ..common.text import plural
from ..contracts.inputs import PLAIN, InputSpec
from .missing import union
from .orientation import TURNED, orientation, turn_upright
from .pixels import (
    ImageError,
    Stored,
    luma,
    nodata_pixels,
    refuse_for_values,
    to_input,
    with_channels,
)
from .raster_files import is_tiff, log_further_pages, require_raster_reader

LOSSY = {"JPEG", "MPO"}
"""Formats whose compression changes values."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_WIDE_GRAY = {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}
_NAMES = {
    **dict.fromkeys(_WIDE_GRAY, "16-bit grayscale"),
    "F": "floating point",
    "1": "1-bit",
    "L": "grayscale",
    "LA": "grayscale with alpha",
    "P": "palette",
}
_BANDS = {
    "P": ["palette"],
    "LA": ["gray", "alpha"],
    "PA": ["palette", "alpha"],
    "RGB": ["red", "green", "blue"],
    "RGBA": ["red", "green", "blue", "alpha"],
    **{mode: ["gray"] for mode in ("1", "L", *_WIDE_GRAY)},
}
_SAME_VALUES = {("LA", "L"), ("1", "L"), ("RGBA", "RGB")}
"""Conversions that keep all values: without alpha, or of two values."""
_MULTIPLIED = {"L;2": 85, "L;4": 17}
"""Raw mode -> factor by which Pillow multiplies gray of 2 and 4 bits, so that it fills 8 bits."""


def open_image(path: Path) -> Image.Image:
    """Open an image file; the caller closes it. The log says if it has further pages or frames.

    Raises: MissingPackage for a TIFF that Pillow does not support, or reads differently from
    GDAL.
    """
    try:
        image = Image.open(path)
    except Image.UnidentifiedImageError:
        if is_tiff(path):
            require_raster_reader(path)
        raise
    if image.format == "TIFF" and not _is_plain_tiff(image):
        require_raster_reader(path)
    what = "page" if image.format == "TIFF" else "frame"
    log_further_pages(path, _count_pages(image), what)
    return image


def _count_pages(image: Any) -> int:
    """Return the number of pages or frames, without the previews in MPO and TIFF files."""
    count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if image.format != "TIFF" or count == 1:
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not image.tag_v2.get(_SUBFILE_TYPE, 0) & (_PREVIEW | _MASK)
    image.seek(0)
    return full


_SUBFILE_TYPE, _PREVIEW, _MASK = 254, 1, 4
"""Tag, and bits of its value, for pages that are not images of their own (TIFF 6.0, section 8)."""


def _is_plain_tiff(image: Any) -> bool:
    """Return whether Pillow and GDAL read a TIFF alike (tags: TIFF 6.0, section 8)."""
    tags = image.tag_v2
    bits, photometric, sample_format = tags.get(258, (1,))[0], tags.get(262), tags.get(339, (1,))[0]
    declares_nodata = 42113 in tags  # of GDAL
    return not (
        photometric == 0
        or bits in range(2, 8)
        or (bits == 8 and sample_format == 2)
        or (bits == 16 and image.mode in ("RGB", "RGBA"))
        or (image.mode == "RGB" and photometric == 2 and tags.get(277, 3) > 3)  # more bands
        or declares_nodata
    )


def as_displayed(
    image: Image.Image, channels: int, name: Path | str, spec: InputSpec = PLAIN
) -> np.ndarray:
    """Return an image as it looks, (H, W, channels), upright, as the model reads it.

    More than 8 bits per channel keep their values. With a scale, so do fewer.

    Raises: ImageError.
    """
    hidden, raw = None, _raw_mode(image)
    if (wide := _wide(image, name)) is not None:
        pixels = _choose_channels(wide, channels, image.mode, name, spec)
    else:
        image = _transpose(image, name)
        if image.format == "TIFF" and image.mode in ("LA", "RGBA") and channels in (1, 3):
            hidden = np.asarray(image.getchannel("A")) == 0
        pixels = with_channels(np.asarray(_convert(image, channels, name, spec)))
    if spec.scale is not None:
        pixels = _undo_scaling(pixels, raw)
    missing = union(hidden, nodata_pixels(pixels, spec))
    return to_input(pixels, channels, name, spec, missing)


def as_stored(image: Image.Image, name: Path | str) -> Stored:
    """Return what an image stores, upright; modes that are neither ids nor colors become RGB."""
    is_lossy, raw = image.format in LOSSY, _raw_mode(image)
    if (wide := _wide(image, name)) is not None:
        return Stored(_undo_scaling(wide, raw), _BANDS[_MODES[wide.shape[2]]])
    image = _transpose(image, name)
    image = image if image.mode in _BANDS else image.convert("RGB")
    colors = None
    if image.mode in ("P", "PA"):
        image.apply_transparency()
        colors = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    pixels = with_channels(_undo_scaling(np.asarray(image), raw))
    return Stored(pixels, _BANDS[image.mode], colors, is_lossy=is_lossy)


def _convert(image: Image.Image, channels: int, name: Path | str, spec: InputSpec) -> Image.Image:
    target = _MODES.get(channels, image.mode)
    if image.mode == target:
        return image
    if channels == 4 and "A" not in image.getbands() and "transparency" not in image.info:
        raise _no_alpha(image.mode, len(image.getbands()), name)
    found = _NAMES.get(image.mode, image.mode)
    if (image.mode, target) not in _SAME_VALUES:
        refuse_for_values(found, channels, name, spec)
    log_image(name, f"converted from {found} to {target}")
    return image.convert(target)


def _choose_channels(
    wide: np.ndarray, channels: int, mode: str, name: Path | str, spec: InputSpec
) -> np.ndarray:
    """Return the channels of pixels (H, W, bands) of more than 8 bits: gray, RGB or RGBA."""
    bands = wide.shape[2]
    if channels not in _MODES or channels == bands:
        return wide
    if channels == 4:
        raise _no_alpha(mode, bands, name)
    found = _NAMES.get(mode, mode)
    if (bands, channels) != (4, 3):
        refuse_for_values(found, channels, name, spec)
    log_image(name, f"converted from {found} to {_MODES[channels]}")
    if bands == 1:
        return np.repeat(wide, channels, 2)
    return luma(wide[..., :3]) if channels == 1 else wide[..., :3]


def _no_alpha(mode: str, count: int, name: Path | str) -> ImageError:
    return ImageError(f"{name}: has {plural(count, 'channel')} ({mode}); expected 4")


def _wide(image: Image.Image, name: Path | str) -> np.ndarray | None:
    """Return pixels (H, W, bands) of more than 8 bits, upright; None for other images."""
    if image.mode in _WIDE_GRAY:
        return np.asarray(_transpose(image, name))[..., None]
    raw = _raw_mode(image)
    if image.mode not in ("RGB", "RGBA") or not isinstance(raw, str) or ";16" not in raw:
        return None
    with needed_by(str(name)):
        import cv2  # noqa: PLC0415 - starts slowly, and only such files need it

    data = _file_content(image, name)
    image.load()  # reports damaged data, unlike OpenCV
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageError(f"{name}: cannot be read: not supported by OpenCV")
    order = [2, 1, 0, 3][: pixels.shape[2]]  # OpenCV: blue, green, red, alpha
    return turn_upright(pixels[..., order], orientation(image), name)


def _file_content(image: Any, name: Path | str) -> bytes:
    """Return the file of an image that is not loaded yet."""
    if path := getattr(image, "filename", ""):
        return Path(path).read_bytes()
    if (file := getattr(image, "fp", None)) is None:
        raise ImageError(
            f"{name}: has 16 bits per channel, of which Pillow decodes 8; pass the path of the "
            "file, or an array of uint16"
        )
    place = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(place)
    return data


def _raw_mode(image: Image.Image) -> Any:
    """Return how a file stores its values; None once the image is loaded."""
    tiles = getattr(image, "tile", ())
    return tiles[0][3] if tiles else None


def _undo_scaling(pixels: np.ndarray, raw: Any) -> np.ndarray:
    """Return stored values: Pillow makes gray fill 8 or 16 bits, and set bits of PBM black."""
    if pixels.dtype == np.bool_:
        return (pixels ^ (raw == "1;I")).astype(np.uint8)
    if raw in _MULTIPLIED:
        return pixels // np.uint8(_MULTIPLIED[raw])
    if isinstance(raw, tuple) and len(raw) == 2 and isinstance(raw[1], int):  # PGM: its maximum
        full = 255 if pixels.dtype == np.uint8 else 65535
        return np.rint(pixels * (raw[1] / full)).astype(np.min_scalar_type(raw[1]))
    return pixels


def _transpose(image: Image.Image, name: Path | str) -> Image.Image:
    if orientation(image) == 1:
        return image
    log_image(name, TURNED)
    upright = ImageOps.exif_transpose(image)
    upright.format = image.format
    return upright
