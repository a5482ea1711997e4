"""Read and write image and mask files; the log says what was converted.

One reader per format serves training, evaluation, prediction and surveys: GDAL reads TIFF (with the
extra ``tiff``; without it, Pillow reads the files that it reads alike), NumPy reads ``.npy``, and
Pillow reads everything else. Images are read as they look, masks as they are stored.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from ...registry import PluxelError, reason_of
from ..common.contents import recognized
from ..common.logs import log_image, log_once
from ..common.text import plural
from ..contracts.colors import Color
from ..contracts.inputs import PLAIN, InputSpec
from ..pictures.saving import png_bytes, save_png
from .limits import pillow_limits
from .masks import (
    TRANSPARENT_ID,
    ColoredMaskError,
    check_array,
    check_palette,
    colors_of,
    ids_of,
)
from .orientation import orientation
from .pillow import as_displayed, as_stored, open_image
from .pixels import ImageError, Stored, nodata_pixels, to_input, with_channels
from .raster_files import is_raster
from .rasters import raster_shape, read_raster, stored_raster
from .results import WRITTEN_BY, is_result

_FORMATS = "bmp gif jp2 jpeg jpg npy pbm pgm png ppm tif tiff webp"
IMAGE_SUFFIXES = frozenset(f".{name}" for name in _FORMATS.split())
"""Suffixes of image files, in lower case."""

_EDGE = 32  # lossy compression changes 0 and 255 by less


def image_files(folder: Path) -> list[Path]:
    """Return all image files below a folder, as `files_below` does."""
    return files_below(folder, IMAGE_SUFFIXES)


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return all files below a folder with one of these suffixes, in lower case, sorted.

    Hidden files are skipped: macOS writes ``._a.jpg`` beside ``a.jpg`` on foreign disks, and
    editors keep copies in hidden folders. So are results of predictions in subfolders, with a
    message in the log.
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(parent, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in suffixes]
    own = sorted(path for path in found if is_result(path, folder))
    if own:
        log_once(
            logging.INFO,
            f"left out {plural(len(own), 'file')} that Pluxel wrote below {folder}, "
            f"such as {own[0]}",
        )
    return sorted({*found}.difference(own))


def read_image(path: Path, channels: int = 3, spec: InputSpec = PLAIN) -> np.ndarray:
    """Return an image (H, W, channels) in RGB order, upright by its EXIF orientation.

    The type is uint8, uint16, or float32 in 0–1, as in the file; with ``spec.scale`` it is
    float32, the stored values divided by the scale. If the file has another number of channels,
    gray is repeated, colors become gray, palettes are applied and alpha is dropped, which is
    logged; inputs of other kinds than ``color`` only lose alpha. Pixels without data are masked
    (`numpy.ma`): not finite, nodata, excluded by the mask or the alpha of a TIFF.

    Raises: ImageError with the file name, if the file does not decode completely, has other
    channels, or has values outside of the range of its type.
    """
    with reading(path):
        if path.suffix.lower() == ".npy":
            return array_input(np.load(path, allow_pickle=False), channels, path, spec)
        if is_raster(path):
            return read_raster(path, channels, spec)
        _check_channels(channels, path)
        with open_image(path) as image:
            return as_displayed(image, channels, path, spec)


def convert(
    image: Image.Image, channels: int, name: Path | str, spec: InputSpec = PLAIN
) -> np.ndarray:
    """Convert a Pillow image as `read_image` converts a file.

    Channel counts other than 1, 3 and 4 are not converted. ``name`` identifies the image in logs
    and errors.

    Raises: ImageError.
    """
    with _decoding(name):
        return as_displayed(image, channels, name, spec)


def array_input(
    array: np.ndarray, channels: int, name: Path | str, spec: InputSpec = PLAIN
) -> np.ndarray:
    """Convert an array (H, W[, channels]) of stored values as `read_image` converts a file.

    For three channels of color, gray is repeated, which is logged. Other channels are not
    converted: an array does not say what they mean. ``name``: what the errors begin with, such as
    the file that the array comes from.

    Raises: ImageError for another shape or type, or for values outside of their range.
    """
    pixels = with_channels(array)
    missing = nodata_pixels(pixels, spec) if pixels.ndim == 3 else None
    is_gray = pixels.ndim == 3 and pixels.shape[2] == 1
    if channels == 3 and is_gray and pixels.size and spec.kind == "color":
        log_image(name, "converted from grayscale to RGB")
        array = np.repeat(np.asarray(pixels), 3, 2)
    return to_input(array, channels, name, spec, missing)


def read_index_mask(path: Path) -> np.ndarray:
    """Return the ids of a mask (H, W) as they are stored: values, or palette indices (not colors).

    The type is any integer type. Applies the EXIF orientation, as for images. Pixels without data
    are masked (`numpy.ma`): nodata keeps its id, and transparent pixels have `TRANSPARENT_ID`.

    Raises: ImageError with the file name; ColoredMaskError for colors that are not gray.
    """
    with reading(path):
        return ids_of(_read_stored(path), path)


def read_palette_mask(path: Path, palette: Mapping[int, Color]) -> np.ndarray:
    """Return the palette indices of a mask (H, W), like `read_index_mask`.

    ``palette``: id -> color in the original files of a dataset.

    Raises: ImageError for a mask that was saved again with colors instead of ids, or with other
    ids: it then has, at the index of one id, the color of another.
    """
    advice = ": the palette of the original file was applied. Use the original file"
    return read_original_mask(path, advice, palette)


def read_original_mask(
    path: Path, advice: str, palette: Mapping[int, Color] = MappingProxyType({})
) -> np.ndarray:
    """Return the ids of a mask (H, W) of a published dataset, like `read_index_mask`.

    ``advice``: the rest of the error for a mask of colors: what to use instead. ``palette``: see
    `read_palette_mask`.

    Raises: ImageError as `read_palette_mask` does.
    """
    with reading(path):
        stored = _read_stored(path)
        try:
            ids = ids_of(stored, path)
        except ColoredMaskError as error:
            text = f"{path}: the mask contains colors, not ids{advice}"
            raise ColoredMaskError(text, error.notes) from error
        check_palette(ids, stored, palette, path)
        return ids


def read_rgb_mask(path: Path) -> np.ndarray:
    """Return the colors of a mask as ids (H, W) uint32: ``red << 16 | green << 8 | blue``.

    Pixels without data are masked, as by `read_index_mask`; transparent ones have
    `TRANSPARENT_COLOR`.
    """
    with reading(path):
        return colors_of(_read_stored(path), path)


def read_binary_mask(path: Path) -> np.ndarray:
    """Return (H, W) uint8 of 0 and 1 from a mask of 0 and 1, or of 0 and 255.

    Shades between 0 and 255, from lossy compression or smoothed edges, are 1 above 127.

    Raises: ImageError for other ids, with the ids.
    """
    ids = read_index_mask(path)
    values = np.unique(np.ma.compressed(ids))
    if not ({*values.tolist()} <= {0, 1} or is_black_and_white(values, path)):
        found = ", ".join(map(str, values[:5])) + (", …" if len(values) > 5 else "")
        raise ImageError(f"{path}: a binary mask contains 0 and 1, or 0 and 255, not {found}")
    threshold = 127 if values.size and values[-1] > 1 else 0
    binary = np.asarray(ids) > threshold
    if not isinstance(ids, np.ma.MaskedArray):
        return binary.astype(np.uint8)
    return np.ma.MaskedArray(np.where(ids.mask, TRANSPARENT_ID, binary), ids.mask)


def is_black_and_white(values: np.ndarray, path: Path) -> bool:
    """Return whether a mask with these values, sorted, contains 0, 255 and shades of edges only.

    In a lossless file, one or two values between black and white are further classes, and so are
    values that are all dark or that count from 0: 255 then usually means ``ignore``.
    """
    if {*values.tolist()} <= {0, 255}:
        return True
    if values[0] < 0 or not 255 - _EDGE <= values[-1] <= 255:
        return False
    between = values[(values > _EDGE) & (values < 255 - _EDGE)]
    are_numbers = values[-2] == len(values) - 2 if len(values) > 1 else True
    are_shades = len(between) > 2 and between[-1] > 127 and not are_numbers
    return bool(are_shades or path.suffix.lower() in {".jpg", ".jpeg"})


def write_mask(path: Path, ids: np.ndarray) -> None:
    """Write raw ids (H, W) as PNG: 16 bits for the type uint16 and for ids above 255, else 8 bits.

    The file is written atomically.

    Raises: PluxelError for ids outside 0–65535 and for write errors.
    """
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= 65535:
        raise PluxelError(f"{path}: a PNG holds ids of 0 to 65535, not {ids.min()} to {ids.max()}")
    is_wide = ids.dtype == np.uint16 or ids.max(initial=0) > 255
    save_png(path, ids.astype(np.uint16 if is_wide else np.uint8), WRITTEN_BY)


def write_palette_mask(path: Path, ids: np.ndarray, palette: Mapping[int, Color]) -> None:
    """Write raw ids (H, W) of 0–255 as a PNG with a palette, as `read_palette_mask` reads it.

    Raises: PluxelError for other ids.
    """
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= 255:
        raise PluxelError(f"{path}: a palette has ids of 0 to 255, not {ids.min()} to {ids.max()}")
    image = Image.fromarray(ids.astype(np.uint8))
    colors = [palette.get(raw, (0, 0, 0)) for raw in range(256)]
    image.putpalette([part for color in colors for part in color])
    path.write_bytes(png_bytes(image))


def image_shape(path: Path) -> tuple[int, int, int]:
    """Return (height, width, channels), from the header if possible.

    Channels are 3 for all files that can be converted to RGB, except TIFF and arrays with further
    bands.
    """
    with reading(path):
        if path.suffix.lower() == ".npy":
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
            bands = shape[2] if len(shape) == 3 else 1
            return (*shape[:2], 3 if bands == 1 else bands)
        if is_raster(path):
            return raster_shape(path)
        with open_image(path) as image:
            sideways = orientation(image) >= 5  # orientations that swap the axes
            width, height = image.size[::-1] if sideways else image.size
            return height, width, 3


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Check that a file exists and is not empty, and convert any exception into an `ImageError`."""
    if not path.is_file():
        raise ImageError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    if not path.stat().st_size:
        raise ImageError(f"{path}: the file is empty")
    with _decoding(path):
        yield


@contextmanager
def _decoding(name: Path | str) -> Iterator[None]:
    """Convert any exception of a decoder into an `ImageError` with the image name."""
    try:
        with pillow_limits(name):
            yield
    except PluxelError:
        raise
    except Image.UnidentifiedImageError as error:
        content = recognized(name) if isinstance(name, Path) else None
        what, notes = content or ("an unknown image format", ())
        raise ImageError(
            f"{name}: not an image, {'but' if content else 'or'} {what}", notes
        ) from error
    except Exception as error:  # decoders raise various errors for broken files
        text, notes = reason_of(error, with_type=False)
        raise ImageError(f"{name}: cannot be read: {text}", notes) from error


def _check_channels(channels: int, path: Path) -> None:
    if channels not in (1, 3, 4):
        raise ImageError(
            f"{path}: only TIFF and .npy files support channel counts other than 1, 3 and 4"
        )


def _read_stored(path: Path) -> Stored:
    if path.suffix.lower() == ".npy":
        return Stored(check_array(np.load(path, allow_pickle=False), path), ["gray"])
    if is_raster(path):
        mask = stored_raster(path)
    else:
        with open_image(path) as image:
            mask = as_stored(image, path)
    if mask.is_lossy:
        text = "saved with lossy compression, which gives wrong ids along the edges of a mask"
        log_image(path, text, logging.WARNING)
    return mask
