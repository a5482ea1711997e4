"""Show the values of any input as a picture: photographs, depth, HHA, vectors, and other maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..contracts.inputs import InputKind, InputSpec
from ..contracts.normalization import RAW_MAXIMUM
from ..geometry.regions import Size
from .thumbnails import sampled, thumbnail

FAR = np.float32(10_000)
"""The depth in millimeters that overlays show as white."""

_DIM = 0.25
"""Fraction of the range; images whose 99th percentile is lower are shown brighter."""


def background(pixels: np.ndarray, kind: InputKind) -> np.ndarray:
    """Return raw pixels (H, W, channels) as `masks.overlay` takes them, one scale for all images.

    Parts of an image get the same gray as the whole: depth is white from `FAR` on.
    """
    return pixels / FAR if kind == "depth" else pixels


def input_picture(pixels: np.ndarray, spec: InputSpec, size: Size) -> tuple[np.ndarray, str]:
    """Return raw pixels (H, W, channels) as a picture (h, w, 3) uint8, and what it shows of them.

    Photographs keep their colors. Depth and other values are colored from dark blue, the smallest
    of the image, to yellow, the largest; pixels without a value are black.
    """
    if spec.kind == "color" and pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return thumbnail(np.asarray(pixels), size), ""
    values = sampled(pixels, size)
    missing = np.asarray(np.ma.getmaskarray(values).any(2))
    values = np.asarray(values)
    if spec.rules.zero_is_missing:
        missing = missing | np.asarray((values <= 0).all(2))
    picture, note = _SHOWN[spec.kind](values, missing)
    return np.where(missing[..., None], np.uint8(0), picture), note


def _color(values: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, str]:
    channels, notes = values.shape[2], []
    fractions = values[..., :3] if channels >= 3 else values[..., :1]
    fractions = fractions.astype(np.float32) / RAW_MAXIMUM.get(values.dtype.name, 1)
    if channels > 3:
        notes.append(f"channels 1–3 of {channels}")
    elif channels == 2:
        notes.append("channel 1 of 2")
    known = fractions[~missing]
    bright = float(np.percentile(known, 99)) if known.size else 1.0
    if values.dtype != np.uint8 and 0 < bright < _DIM:
        fractions = fractions / bright
        notes.append(f"{1 / bright:.3g}× brighter")
    return _bytes(np.broadcast_to(fractions, (*fractions.shape[:2], 3))), ", ".join(notes)


def _depth(values: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, str]:
    picture, low, high = _mapped(values[..., 0], missing)
    return picture, f"{low / 1000:.2f}–{high / 1000:.2f} m" if high > 0 else "no depth"


def _hha(values: np.ndarray, _missing: np.ndarray) -> tuple[np.ndarray, str]:
    fractions = values.astype(np.float32) / RAW_MAXIMUM.get(values.dtype.name, 1)
    return _bytes(_three(fractions, 0)), "red: disparity, green: height, blue: angle"


def _vectors(values: np.ndarray, _missing: np.ndarray) -> tuple[np.ndarray, str]:
    fractions = values.astype(np.float32) / RAW_MAXIMUM.get(values.dtype.name, 1)
    if values.min(initial=0) < 0:  # signed components
        fractions = (fractions + 1) / 2
    axes = ("x", "y", "z")[: values.shape[2]]
    return _bytes(_three(fractions, 0.5)), ", ".join(
        f"{color}: {axis}" for color, axis in zip(("red", "green", "blue"), axes, strict=False)
    )


def _map(values: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, str]:
    picture, low, high = _mapped(values[..., 0], missing)
    channel = f"channel 1 of {values.shape[2]}, " if values.shape[2] > 1 else ""
    return picture, f"{channel}{low:.4g}–{high:.4g}"


_SHOWN: Mapping[InputKind, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, str]]] = {
    "color": _color,
    "depth": _depth,
    "hha": _hha,
    "vectors": _vectors,
    "map": _map,
}


def _mapped(values: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return values (h, w) in colors, and the smallest and the largest one."""
    import matplotlib as mpl  # noqa: PLC0415 - only when something is drawn

    known = values[~missing & np.isfinite(values)].astype(np.float64)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    fractions = np.nan_to_num((values.astype(np.float64) - low) / ((high - low) or 1))
    return mpl.colormaps["viridis"](fractions.clip(0, 1), bytes=True)[..., :3], low, high


def _three(fractions: np.ndarray, filler: float) -> np.ndarray:
    """Return the first three channels; missing ones have a value."""
    fractions = fractions[..., :3]
    lacking = 3 - fractions.shape[2]
    return np.pad(fractions, ((0, 0), (0, 0), (0, lacking)), constant_values=filler)


def _bytes(fractions: np.ndarray) -> np.ndarray:
    """Return values of 0 to 1 as uint8."""
    return np.rint(np.nan_to_num(fractions).clip(0, 1) * 255).astype(np.uint8)
