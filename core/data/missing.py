"""Pixels without data: mark them, find them, and replace them as an input specifies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts.inputs import InputSpec
from ..contracts.normalization import RAW_MAXIMUM


def mask_pixels(pixels: np.ndarray, missing: np.ndarray | None) -> np.ndarray:
    """Mask the pixels (H, W) without data in an array (H, W, channels), and set them to 0."""
    if missing is None or not missing.any():
        return pixels
    whole = np.repeat(missing[..., None], pixels.shape[2], 2)
    return np.ma.MaskedArray(np.where(whole, pixels.dtype.type(0), pixels), whole)


def missing_pixels(array: np.ndarray) -> np.ndarray | None:
    """Return True for the pixels (H, W) without data: masked in any channel. None if none is."""
    if not isinstance(array, np.ma.MaskedArray):
        return None
    mask = np.ma.getmaskarray(array)
    return mask if mask.ndim == 2 else np.asarray(mask.any(2))


def union(*masks: np.ndarray | None) -> np.ndarray | None:
    """Return the union of masks of equal shape; None is an empty one."""
    found = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(found) if found else None


def neutral_value(spec: InputSpec, dtype: np.dtype, channels: int) -> np.ndarray:
    """Return the raw value (channels,) that normalizes to zero; 0 if the statistics are unknown.

    The mean of depth is 0, which means that there is no value.
    """
    statistics = spec.normalization
    if statistics is None or spec.rules.zero_is_missing:
        return np.zeros(channels, dtype)
    mean = np.array(statistics.mean, np.float64)
    mean = (np.exp(mean) if statistics.transform == "log" else mean) / statistics.range
    value = np.array(np.broadcast_to(mean * RAW_MAXIMUM.get(dtype.name, 1), channels))
    if statistics.channel_order == "bgr":
        value[:3] = np.flip(value[:3])
    return (np.rint(value) if dtype.kind == "u" else value).astype(dtype)


def without_missing(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Return raw pixels (H, W, channels) without the mask that ``spec.missing`` replaces.

    With ``mean``, masked pixels get the neutral value; with ``fill``, the value of the nearest
    pixel with data, or the neutral value if the image has none. With ``ignore``, they stay masked.
    """
    missing = missing_pixels(pixels)
    if spec.missing == "ignore" or missing is None:
        return pixels
    values = np.array(pixels.data)
    if spec.missing == "fill" and not missing.all():
        return fill_nearest(values, missing)
    values[missing] = neutral_value(spec, values.dtype, values.shape[2])
    return values


def fill_nearest(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return values (H, W, …) in which each missing pixel (H, W) has the nearest value."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - takes long to import

    nearest: Any = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return values[tuple(nearest)]
