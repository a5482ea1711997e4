"""Turn what a mask file stores into label ids."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..common.logs import log_image
from ..common.text import plural
from ..contracts.colors import Color, hex_color, pack
from .missing import union
from .pixels import ImageError, Stored, with_channels
from .rasters import RGB

TRANSPARENT_ID, TRANSPARENT_COLOR = -1, 1 << 24
"""Ids of transparent pixels in masks of ids and of colors; no color has this id."""


MAYBE_SWAPPED = "if this file is an image, the folders of images and masks are swapped"
"""A note on masks that look like images."""


class ColoredMaskError(ImageError):
    """A mask contains colors instead of ids."""


def check_array(array: np.ndarray, path: Path) -> np.ndarray:
    """Return the ids (H, W, 1) of an array. Raises: ImageError for another shape or type."""
    mask = with_channels(array)
    if mask.ndim != 3 or mask.shape[2] != 1 or array.dtype.kind not in "iub":
        raise _not_integers(path, f"{array.dtype} of shape {array.shape}")
    return mask


def ids_of(mask: Stored, path: Path) -> np.ndarray:
    """Return the ids (H, W) of a mask of one band, or of equal colors, masked without data.

    Raises: ImageError for values that are not integers; ColoredMaskError.
    """
    bands = mask.pixels[..., : len(mask.meanings) - ("alpha" in mask.meanings)]
    ids = np.ascontiguousarray(bands[..., 0])
    if ids.dtype.kind not in "iub":
        raise _not_integers(path, str(ids.dtype))
    if (bands != ids[..., None]).any():
        _check_colors(mask, path)
        raise ColoredMaskError(
            f"{path}: the mask contains colors ({_mode(mask)}), not ids. Define classes by color "
            "('#rrggbb') with mask_format: rgb, or save it as an 8-bit index or palette PNG",
            [MAYBE_SWAPPED],
        )
    if mask.pixels.shape[2] > 1:
        log_image(path, f"read as ids from equal channels of {_mode(mask)}")
    ids = ids.astype(np.uint8) if ids.dtype == np.bool_ else ids
    return _mask(ids, mask, _alpha(mask), TRANSPARENT_ID)


def colors_of(mask: Stored, path: Path) -> np.ndarray:
    """Return the packed colors (H, W) of a mask, masked without data.

    Raises: ImageError for more than 8 bits per channel.
    """
    pixels, alpha = mask.pixels, _alpha(mask)
    if pixels.dtype == np.uint16 and not (pixels % 257).any():
        pixels = (pixels // 257).astype(np.uint8)
    if mask.colors is not None:
        pixels = mask.colors[np.minimum(pixels[..., 0], len(mask.colors) - 1)]
        alpha = pixels[..., 3] if alpha is None else alpha
    elif "red" not in mask.meanings:
        _check_colors(mask, path)
        pixels = np.repeat(pixels[..., :1], 3, 2)
    if pixels.dtype != np.uint8:
        raise ImageError(f"{path}: a mask of colors needs 8 bits per channel, not {pixels.dtype}")
    packed = pack(np.moveaxis(pixels[..., :3], -1, 0).astype(np.uint32))
    return _mask(packed, mask, alpha, TRANSPARENT_COLOR)


def check_palette(ids: np.ndarray, mask: Stored, palette: Mapping[int, Color], path: Path) -> None:
    """Raise ImageError if an id has the color of another one in the palette of a dataset.

    A palette with other colors is no mistake: colors of palettes are only for viewers.
    """
    if mask.colors is None:
        return
    wrong = _wrong_ids(mask.colors[:, :3].tobytes(), tuple(palette.items()))
    if not wrong:
        return
    is_wrong = np.isin(np.arange(256), [*wrong])
    pixels = np.asarray(ids).clip(0)
    hits = is_wrong.take(pixels, mode="wrap")  # faster than an index; ids are below 256
    if hits.any():
        found = int(pixels[hits].min())
        color, other = wrong[found]
        raise ImageError(
            f"{path}: another palette than that of the original file: the pixels with id "
            f"{found} have the color {hex_color(color)} of id {other}. A program saved "
            "the mask with other ids; use the original file"
        )


@lru_cache(maxsize=64)  # the files of a dataset usually have the same palette
def _wrong_ids(
    colors: bytes, palette: tuple[tuple[int, Color], ...]
) -> Mapping[int, tuple[Color, int]]:
    """Return id -> its color, and the first id with this color in the palette of a dataset.

    ``colors``: of ids 0, 1 …, three bytes each.
    """
    ids_by_color: dict[Color, list[int]] = {}
    for raw, color in palette:
        ids_by_color.setdefault(color, []).append(raw)
    own = enumerate(zip(*[iter(colors)] * 3, strict=True))
    return {
        raw: (color, ids_by_color[color][0])
        for raw, color in own
        if raw not in ids_by_color.get(color, [raw])
    }


def _check_colors(mask: Stored, path: Path) -> None:
    """Raise ImageError if bands that are neither colors nor alpha differ from the first."""
    bands = mask.pixels[..., : len(mask.meanings) - ("alpha" in mask.meanings)]
    if "red" not in mask.meanings and (bands != bands[..., :1]).any():
        raise ImageError(
            f"{path}: has {plural(bands.shape[2], 'band')} that differ; a mask must have one band "
            "of ids, or be RGB"
        )


def _mask(ids: np.ndarray, mask: Stored, alpha: np.ndarray | None, transparent: int) -> np.ndarray:
    """Mask the pixels without data in ids (H, W); transparent ones get the id ``transparent``."""
    hidden = union(mask.hidden, None if alpha is None else alpha == 0)
    if hidden is not None and hidden.any():
        ids = np.where(hidden, transparent, ids.astype(np.int64))
    missing = union(hidden, mask.nodata)
    return ids if missing is None or not missing.any() else np.ma.MaskedArray(ids, missing)


def has_transparency(ids: np.ndarray) -> bool:
    """Return whether ids (H, W) of a mask include transparent pixels."""
    hidden = np.ma.getmask(ids)
    if hidden is np.ma.nomask:
        return False
    values = np.asarray(ids)[hidden]
    return bool(np.isin(values, (TRANSPARENT_ID, TRANSPARENT_COLOR)).any())


def _alpha(mask: Stored) -> np.ndarray | None:
    names = list(mask.meanings)
    return mask.pixels[..., names.index("alpha")] if "alpha" in names else None


def _mode(mask: Stored) -> str:
    """Return the bands in short: RGB, RGBA, LA, or their number."""
    modes = {"RGB": RGB, "RGBA": [*RGB, "alpha"], "LA": ["gray", "alpha"]}
    found = (short for short, names in modes.items() if names == list(mask.meanings))
    return next(found, plural(len(mask.meanings), "band"))


def _not_integers(path: Path, found: str) -> ImageError:
    return ImageError(f"{path}: a mask must contain integers of shape (height, width), not {found}")
