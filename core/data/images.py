"""Read and write image and mask files; each conversion is logged once per file.

Pillow reads images of 1, 3 and 4 channels. Other channel counts need ``.npy`` files, or TIFF files
with the extra ``tiff``.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ...registry import PluxelError, needed_by
from ..common.files import replacing
from ..common.logs import log_once
from ..contracts.colors import pack
from ..contracts.normalization import RAW_MAXIMUM
from .orientation import orientation

_FORMATS = "bmp gif jp2 jpeg jpg npy pbm pgm png ppm tif tiff webp"
IMAGE_SUFFIXES = frozenset(f".{name}" for name in _FORMATS.split())
"""Suffixes of image files, in lower case."""

_LOSSY = {"JPEG", "MPO"}
_EDGE = 32  # lossy compression changes 0 and 255 by less
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
_WIDE_GRAY = {"I;16", "I;16B", "I;16L", "I;16N", "I"}


class ImageError(PluxelError):
    """A file cannot be read as an image or mask."""


class ColoredMaskError(ImageError):
    """A mask contains colors instead of ids."""


def image_files(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted.

    Hidden files are skipped: macOS writes ``._a.jpg`` beside ``a.jpg`` on foreign disks, and
    editors keep copies in hidden folders.
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(parent, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found)


def read_image(path: Path, channels: int = 3) -> np.ndarray:
    """Return an image (H, W, channels) in RGB order, upright by its EXIF orientation.

    Photographs with three or four channels become uint8: grayscale, palette, CMYK, alpha, 16-bit
    and floating-point images are converted, which is logged once per file. Images of one channel
    and arrays (``.npy``, and TIFF for other counts) keep uint8, uint16 or float32.

    Raises: ImageError with the file name, if the file does not decode completely or if floating
    point is outside 0–1.
    """
    with _reading(path):
        if path.suffix.lower() == ".npy" or channels not in _MODES:
            return check_range(check_pixels(_read_array(path), channels, path), path)
        with Image.open(path) as image:
            return _convert(image, channels, path)


def convert(image: Image.Image, channels: int, name: Path | str) -> np.ndarray:
    """Convert a Pillow image as `read_image` converts a file.

    Channel counts other than 1, 3 and 4 are not converted. ``name`` identifies the image in logs
    and errors.

    Raises: ImageError.
    """
    with _decoding(name):
        return _convert(image, channels, name)


def check_pixels(array: np.ndarray, channels: int, name: Path | str) -> np.ndarray:
    """Return raw pixels (H, W, channels), uint8, uint16 or float32; (H, W) gains an axis.

    Raises: ImageError for another shape or type.
    """
    pixels = with_channels(array)
    if pixels.ndim != 3 or pixels.shape[2] != channels or not pixels.size:
        first = array.ndim == 3 and array.shape[0] == channels
        hint = ": move the channels to the end, np.moveaxis(array, 0, -1)" if first else ""
        raise ImageError(
            f"{name}: has shape {array.shape}; expected (height, width, {channels}){hint}"
        )
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    if pixels.dtype.name not in RAW_MAXIMUM:
        raise ImageError(
            f"{name}: has type {array.dtype}; expected uint8, uint16 or floating point in 0–1"
        )
    return pixels


def check_range(pixels: np.ndarray, name: Path | str) -> np.ndarray:
    """Return raw pixels, (H, W, channels) or (H, W), after checking their range.

    Floating point must be in 0–1: a range guessed from the values would differ between images.
    Integers wider than uint16 must be in the range of uint16.

    Raises: ImageError for values outside the range and for NaN.
    """
    if pixels.dtype.name in RAW_MAXIMUM:
        return pixels
    full = 1 if pixels.dtype.kind == "f" else RAW_MAXIMUM["uint16"]
    low, high = pixels.min(), pixels.max()
    if not 0 <= low <= high <= full:  # false for NaN, too
        raise ImageError(
            f"{name}: has values from {low:g} to {high:g}, but {pixels.dtype} images must be "
            f"in 0 to {full}. Divide the values of all images by one number, or save them as uint16"
        )
    return pixels


def with_channels(array: np.ndarray) -> np.ndarray:
    """Return (H, W, channels); an array (H, W) gains an axis."""
    return array[..., None] if array.ndim == 2 else array


def read_index_mask(path: Path) -> np.ndarray:
    """Return the ids of a mask (H, W): pixel values, or palette indices (not colors).

    Supports 8-bit, 16-bit, 1-bit and palette images, and integer ``.npy``; applies the EXIF
    orientation, as for images.

    Raises: ImageError with the file name; ColoredMaskError for colors that are not gray.
    """
    with _reading(path):
        return _array_mask(path) if path.suffix.lower() == ".npy" else _index_mask(path)


def read_rgb_mask(path: Path) -> np.ndarray:
    """Return the colors of a mask as ids (H, W) uint32: ``red << 16 | green << 8 | blue``."""
    with _reading(path), _open(path) as image:
        _warn_if_lossy(path, image)
        return pack(np.moveaxis(np.asarray(image.convert("RGB"), np.uint32), -1, 0))


def read_binary_mask(path: Path) -> np.ndarray:
    """Return (H, W) uint8 of 0 and 1 from a mask of 0 and 1, or of 0 and 255.

    Shades between 0 and 255, from lossy compression or smoothed edges, are 1 above 127.

    Raises: ImageError for other ids, with the ids.
    """
    ids = read_index_mask(path)
    values = np.unique(ids)
    if not ({*values.tolist()} <= {0, 1} or is_black_and_white(values, path)):
        found = ", ".join(map(str, values[:5])) + (", …" if len(values) > 5 else "")
        raise ImageError(f"{path}: a binary mask contains 0 and 1, or 0 and 255, not {found}")
    return (ids > (127 if values[-1] > 1 else 0)).astype(np.uint8)


def is_black_and_white(values: np.ndarray, path: Path) -> bool:
    """Return whether a mask with these values, sorted, contains 0, 255 and shades of edges only.

    One or two values between black and white in a lossless file are further classes.
    """
    if {*values.tolist()} <= {0, 255}:
        return True
    if values[0] < 0 or not 255 - _EDGE <= values[-1] <= 255:
        return False
    between = np.count_nonzero((values > _EDGE) & (values < 255 - _EDGE))
    return bool(between > 2 or _is_lossy(path))


def write_mask(path: Path, ids: np.ndarray) -> None:
    """Write raw ids (H, W) as PNG: 16 bits for the type uint16 and for ids above 255, else 8 bits.

    The file is written atomically.

    Raises: PluxelError for ids outside 0–65535 and for write errors.
    """
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= 65535:
        raise ImageError(f"{path}: a PNG holds ids of 0 to 65535, not {ids.min()} to {ids.max()}")
    is_wide = ids.dtype == np.uint16 or ids.max(initial=0) > 255
    with replacing(path) as unfinished:
        Image.fromarray(ids.astype(np.uint16 if is_wide else np.uint8)).save(
            unfinished, format="PNG"
        )


def image_shape(path: Path) -> tuple[int, int, int]:
    """Return (height, width, channels) as in `read_image`, from the header if possible.

    Channels are 3 for any file that Pillow opens, because it can be converted to RGB.
    """
    with _reading(path):
        if path.suffix.lower() == ".npy":
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
            return (*shape[:2], shape[2] if len(shape) == 3 else 1)
        try:
            with Image.open(path) as image:
                sideways = orientation(image) >= 5  # orientations that swap the axes
                width, height = image.size[::-1] if sideways else image.size
                return height, width, 3
        except Image.UnidentifiedImageError:
            if path.suffix.lower() not in TIFF_SUFFIXES:
                raise
            return with_channels(_read_array(path)).shape


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Check that a file exists and is not empty, and convert exceptions as `_decoding` does."""
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    if not path.stat().st_size:
        raise ImageError(f"{path}: the file is empty")
    with _decoding(path):
        yield


@contextmanager
def _decoding(name: Path | str) -> Iterator[None]:
    """Convert any exception of a decoder into an `ImageError` with the image name."""
    try:
        with warnings.catch_warnings():
            # Allow large photographs; Pillow still raises for twice its limit.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except PluxelError:
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image, or an unknown image format") from error
    except Exception as error:  # decoders raise various errors for broken files
        text = str(error) or type(error).__name__
        raise ImageError(f"{name}: cannot be read: {text}") from error


def _open(path: Path) -> Image.Image:
    return _upright(Image.open(path), path)


def _upright(image: Image.Image, name: Path | str) -> Image.Image:
    tiles = getattr(image, "tile", ())  # only before loading: (…, decoder arguments)
    if image.mode in ("RGB", "RGBA") and any("16" in str(tile[3]) for tile in tiles):
        log_once(logging.INFO, f"{name}: converted from 16 to 8 bits per channel")
    if orientation(image) == 1:
        return image
    log_once(logging.INFO, f"{name}: turned upright by its EXIF orientation")
    return ImageOps.exif_transpose(image)


def _convert(image: Image.Image, channels: int, name: Path | str) -> np.ndarray:
    image = _upright(image, name)
    target = _MODES.get(channels, image.mode)
    wide = image.mode in _WIDE_GRAY or image.mode == "F"
    if wide and channels == 1:
        return check_pixels(_wide_pixels(image, name), channels, name)
    if image.mode == target:
        return check_pixels(np.asarray(image), channels, name)
    if channels == 4 and "A" not in image.getbands() and "transparency" not in image.info:
        count = len(image.getbands())
        raise ImageError(f"{name}: has {count} channels ({image.mode}); expected 4")
    log_once(logging.INFO, f"{name}: converted from {_describe(image)} to {target}")
    narrow = Image.fromarray(_eight_bits(_wide_pixels(image, name))) if wide else image
    return check_pixels(np.asarray(narrow.convert(target)), channels, name)


def _describe(image: Image.Image) -> str:
    names = {"1": "1-bit", "L": "grayscale", "LA": "grayscale with alpha", "P": "palette"}
    names |= dict.fromkeys(_WIDE_GRAY, "16-bit grayscale") | {"F": "floating point"}
    return names.get(image.mode, image.mode)


def _wide_pixels(image: Image.Image, name: Path | str) -> np.ndarray:
    """Return gray values of more than 8 bits (H, W): uint16, or float32 in 0–1."""
    pixels = check_range(np.asarray(image), name)
    # Convert to native byte order; TIFF files may have either.
    return pixels.astype(np.float32 if pixels.dtype.kind == "f" else np.uint16, copy=False)


def _eight_bits(wide: np.ndarray) -> np.ndarray:
    return np.rint(wide * (255 / RAW_MAXIMUM.get(wide.dtype.name, 1))).astype(np.uint8)


def _index_mask(path: Path) -> np.ndarray:
    with _open(path) as image:
        _warn_if_lossy(path, image)
        if image.mode in {"1", "L", "P", *_WIDE_GRAY}:
            ids = np.asarray(image)
            return ids.astype(np.uint8) if ids.dtype == np.bool_ else ids
        bands = np.asarray(image)
    colors = bands if image.mode in {"RGB", "RGBA"} else bands[..., :1]
    if image.mode not in {"RGB", "RGBA", "LA", "PA"} or (colors[..., :3] != bands[..., :1]).any():
        raise ColoredMaskError(
            f"{path}: the mask contains colors ({image.mode}), not ids. Define classes by color "
            "('#rrggbb') with mask_format: rgb, or save it as an 8-bit index or palette PNG"
        )
    log_once(logging.INFO, f"{path}: {image.mode} mask with equal channels, read as ids")
    return np.ascontiguousarray(bands[..., 0])


def _array_mask(path: Path) -> np.ndarray:
    array = _read_array(path)
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim != 2 or array.dtype.kind not in "iub":
        found = f"{array.dtype} of shape {array.shape}"
        raise ImageError(
            f"{path}: a mask must contain integers of shape (height, width), not {found}"
        )
    return array.astype(np.uint8) if array.dtype == np.bool_ else array


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in {".jpg", ".jpeg"}


def _warn_if_lossy(path: Path, image: Image.Image) -> None:
    if image.format in _LOSSY:
        log_once(
            logging.WARNING, f"{path}: lossy compression of a mask gives wrong ids along edges"
        )


def _read_array(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise ImageError(
            f"{path}: only TIFF and .npy files support channel counts other than 1, 3 and 4"
        )
    with needed_by(str(path)):
        import tifffile  # noqa: PLC0415 - an extra
    array = tifffile.imread(path)
    # Many remote-sensing tools write channels first; channels are the smaller axis.
    channels_first = array.ndim == 3 and array.shape[0] < array.shape[2]
    return np.moveaxis(array, 0, -1) if channels_first else array
