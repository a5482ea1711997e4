"""Pixels as files store them, and as the model reads them: shapes, types, ranges, missing data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...registry import PluxelError
from ..common.text import plural
from ..contracts.inputs import PLAIN, InputSpec
from ..contracts.normalization import RAW_MAXIMUM
from .missing import mask_pixels, missing_pixels, union, without_missing

_AS_UINT16 = ("int16", "int32", "uint32")
"""Types that become uint16 if all values fit."""

_FULL = {**RAW_MAXIMUM, **dict.fromkeys(_AS_UINT16, RAW_MAXIMUM["uint16"])}
"""Stored value that stands for 1, by type; 1 for floating point."""


class ImageError(PluxelError):
    """A file cannot be read as an image or mask."""


@dataclass(frozen=True)
class Stored:
    """What a file stores, unchanged.

    ``pixels``: (H, W, bands). ``meanings``: of each band: ``gray``, ``palette``, ``red``,
    ``green``, ``blue``, ``alpha``, ``white is zero``, or anything else. ``colors``: of the palette,
    (N, 4) uint8 RGBA. ``nodata``: (H, W), True for pixels with the nodata value of the file, or
    None; ``hidden``: those that a mask of the file excludes.
    """

    pixels: np.ndarray
    meanings: Sequence[str]
    colors: np.ndarray | None = None
    nodata: np.ndarray | None = None
    hidden: np.ndarray | None = None
    is_lossy: bool = False


def refuse_for_values(found: str, channels: int, name: Path | str, spec: InputSpec) -> None:
    """Raise ImageError for a conversion of colors if the input holds other values.

    ``found``: what the file is, such as ``RGB``.
    """
    if spec.kind != "color":
        raise ImageError(
            f"{name}: is {found}, but kind: {spec.kind} needs {plural(channels, 'channel')} of "
            "values. Use the file with the values, not a picture of them"
        )


def with_channels(array: np.ndarray) -> np.ndarray:
    """Return (H, W, channels); an array (H, W) gains an axis."""
    return array[..., None] if array.ndim == 2 else array


def luma(colors: np.ndarray) -> np.ndarray:
    """Return the luma (h, w, 1) of colors (h, w, 3) by ITU-R BT.601, rounded as Pillow does."""
    if colors.dtype.kind == "f":
        return colors @ np.array([[0.299], [0.587], [0.114]], colors.dtype)
    weighted = colors.astype(np.int64) @ np.array([[19595], [38470], [7471]])
    return ((weighted + 0x8000) >> 16).astype(colors.dtype)


def check_pixels(array: np.ndarray, channels: int, name: Path | str) -> np.ndarray:
    """Return raw pixels (H, W, channels), uint8, uint16 or float32; (H, W) gains an axis.

    Raises: ImageError for another shape or type.
    """
    pixels = _to_native(_check_shape(array, channels, name))
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    if pixels.dtype.name not in RAW_MAXIMUM:
        raise ImageError(
            f"{name}: has type {array.dtype}; expected uint8, uint16 or floating point in 0–1"
        )
    return pixels


def to_input(
    array: np.ndarray,
    channels: int,
    name: Path | str,
    spec: InputSpec = PLAIN,
    missing: np.ndarray | None = None,
) -> np.ndarray:
    """Return stored values as the model reads them: (H, W, channels) uint8, uint16 or float32.

    With a scale, the result is float32, values / scale, of any range. ``missing``: the pixels
    (H, W) without data, which are masked, and 0 underneath, or replaced as ``spec.missing`` says.

    Raises: ImageError for another shape or type; for depth of 8 bits in millimeters; without a
    scale, also for values outside of the range of the type.
    """
    pixels = mask_pixels(_to_native(_check_shape(np.asarray(array), channels, name)), missing)
    scaled = _apply_scale(np.asarray(pixels), name, spec)
    mask = np.ma.getmask(pixels)
    masked = scaled if mask is np.ma.nomask else np.ma.MaskedArray(scaled, mask)
    return without_missing(masked, spec)


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
            f"in 0 to {full}. Declare the value that stands for 1 in the dataset, such as "
            "scale: 10000, and the value of missing pixels, such as nodata: -9999"
        )
    return pixels


def nodata_pixels(
    pixels: np.ndarray, spec: InputSpec = PLAIN, declared: Sequence[float | None] = ()
) -> np.ndarray | None:
    """Return True for the pixels (H, W) of an array (H, W, bands) without data, or None.

    These are masked pixels, values that are not finite, and nodata values: the one of the spec
    and those that the file has ``declared``. A value that no measurement can have counts in any
    band. A value within the range, such as black, counts only if all bands have it.
    """
    found, stored = missing_pixels(pixels), np.asarray(pixels)
    if stored.dtype.kind == "f":
        found = union(found, ~np.logical_and.reduce(np.isfinite(stored), 2))
    full = spec.scale or _FULL.get(stored.dtype.name, 1)
    for value in {*declared, spec.nodata}:
        if value is not None and _holds(stored.dtype, value):
            same = stored == stored.dtype.type(value)
            everywhere = np.logical_and if 0 <= value <= full else np.logical_or
            found = union(found, everywhere.reduce(same, 2))
    return found


def _holds(dtype: np.dtype, value: float) -> bool:
    if dtype.kind not in "iu" or not np.isfinite(value):
        return dtype.kind == "f"
    limits = np.iinfo(dtype)
    return float(value).is_integer() and limits.min <= value <= limits.max


def _apply_scale(pixels: np.ndarray, name: Path | str, spec: InputSpec) -> np.ndarray:
    kind = pixels.dtype.kind
    if spec.kind == "depth" and pixels.dtype.itemsize == 1 and (spec.scale or 1) >= 1:
        raise ImageError(
            f"{name}: has 8 bits, so its depth in millimeters would end at 255. Use the original "
            "file, of 16 bits, or set scale: to the stored value of 1 mm, such as 0.0255 if 255 is "
            "10 m"
        )
    if spec.scale is not None and kind in "iuf":
        # In double precision: the range of float16 ends at 65504.
        return np.divide(pixels, spec.scale, dtype=np.float64).astype(np.float32)
    if kind == "f":
        return check_range(pixels, name).astype(np.float32, copy=False)
    if pixels.dtype.name in _AS_UINT16:
        return check_range(pixels, name).astype(np.uint16, copy=False)
    if pixels.dtype.name not in RAW_MAXIMUM:
        raise ImageError(
            f"{name}: has type {pixels.dtype}; expected uint8, uint16 or floating point in 0–1. "
            "For another range, declare the value that stands for 1 in the dataset, such as "
            "scale: 10000"
        )
    return pixels


def _to_native(pixels: np.ndarray) -> np.ndarray:
    """Return an array in the byte order of the machine, the only one that PyTorch supports."""
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _check_shape(array: np.ndarray, channels: int, name: Path | str) -> np.ndarray:
    pixels = with_channels(array)
    if pixels.ndim != 3 or pixels.shape[2] != channels or not pixels.size:
        first = array.ndim == 3 and array.shape[0] == channels
        hint = ": move the channels to the end, np.moveaxis(array, 0, -1)" if first else ""
        raise ImageError(
            f"{name}: has shape {array.shape}; expected (height, width, {channels}){hint}"
        )
    return pixels
