"""Read TIFF and GeoTIFF as images, whole or by windows, so files need not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..common.logs import log_image
from ..common.text import plural
from ..contracts.inputs import PLAIN, InputSpec
from ..geometry.regions import Region
from .missing import union
from .orientation import turn_upright
from .pixels import ImageError, Stored, luma, nodata_pixels, refuse_for_values, to_input
from .raster_files import RasterFile, open_file

RGB = ["red", "green", "blue"]


class _Selection(NamedTuple):
    """The bands to read, counted from 0, and how they become channels.

    ``has_alpha``: whether the last of them is alpha, which is not a channel.
    """

    bands: Sequence[int]
    has_alpha: bool = False
    show: Callable[[np.ndarray], np.ndarray] = np.asarray


@dataclass(frozen=True)
class Raster:
    """An open raster file, whose windows have ``channels`` channels."""

    source: RasterFile
    channels: int
    spec: InputSpec
    selection: _Selection

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.source.size

    @property
    def may_lack_data(self) -> bool:
        """Whether windows may have pixels without data."""
        return self.source.may_lack_data or self.spec.nodata is not None

    def read(self, region: Region | None = None) -> np.ndarray:
        """Return the raw pixels of a region, (h, w, channels), by default of the whole file.

        Pixels without data are masked: those of nodata, of a mask, and below transparent alpha.

        Raises: ImageError with the name of the file if the region cannot be decoded.
        """
        source, (bands, has_alpha, show) = self.source, self.selection
        pixels = source.read(region, bands)
        alpha = pixels[..., -1] if has_alpha else None
        if source.is_premultiplied:
            pixels = _divide_by_alpha(pixels)
        pixels = pixels[..., :-1] if has_alpha else pixels
        missing = union(
            None if alpha is None else alpha == 0,
            source.masked_out(region),
            nodata_pixels(pixels, self.spec, source.nodata),
        )
        if self.spec.scale is None:
            pixels = _full_range(pixels, source)
        return to_input(show(pixels), self.channels, source.path, self.spec, missing)


@contextmanager
def open_raster(path: Path, channels: int, spec: InputSpec = PLAIN) -> Iterator[Raster]:
    """Open a TIFF to read windows with ``channels`` channels.

    As many bands as channels are read as they are. For three channels, gray is repeated, a palette
    is applied, and bands beside red, green and blue are dropped; for one channel, colors become
    gray. The log says so. Inputs of other kinds than ``color`` only lose alpha.

    Raises: ImageError if GDAL cannot open the file, or if the number of bands does not fit.
    """
    with open_file(path, channels) as source:
        yield Raster(source, channels, spec, _select(source, channels, spec))


def read_raster(path: Path, channels: int, spec: InputSpec = PLAIN) -> np.ndarray:
    """Return a TIFF as `open_raster` reads it, upright.

    Raises: ImageError.
    """
    with open_raster(path, channels, spec) as raster:
        return turn_upright(raster.read(), raster.source.orientation, path)


def stored_raster(path: Path) -> Stored:
    """Return what a TIFF stores, upright. Raises: ImageError."""
    with open_file(path) as source:
        turn = partial(turn_upright, number=source.orientation, name=path)
        pixels, hidden = source.read(), source.masked_out()
        nodata = nodata_pixels(pixels, PLAIN, source.nodata)
        return Stored(
            turn(pixels),
            source.meanings,
            source.colors,
            None if nodata is None else turn(nodata),
            None if hidden is None else turn(hidden),
            source.is_lossy,
        )


def raster_shape(path: Path) -> tuple[int, int, int]:
    """Return (height, width, channels), upright, from the header of a TIFF.

    Channels are 3 for gray, palettes and RGB, with alpha or not, and otherwise the bands.
    """
    with open_file(path, None) as source:
        height, width = source.size[::-1] if source.orientation >= 5 else source.size
        names = [name for name in source.meanings if name != "alpha"]
        return height, width, 3 if len(names) == 1 or names == RGB else len(source.meanings)


def _select(source: RasterFile, channels: int, spec: InputSpec) -> _Selection:
    """Return how the bands of a file become channels. Raises: ImageError if they do not."""
    names = list(source.meanings)
    alpha = [names.index("alpha")] if "alpha" in names[1:] else []
    colors = [name for name in names if name != "alpha"]
    is_gray, is_colored = len(colors) == 1, colors[:3] == RGB
    if names == ["palette"] and channels in _MODES:
        refuse_for_values("palette", channels, source.path, spec)
        log_image(source.path, f"converted from palette to {_MODES[channels]}")
        return _Selection([0], show=lambda ids: _look_up(ids, source.colors, channels))
    if len(names) == channels:
        return _Selection(range(channels))
    if is_gray and channels == 4 and alpha:
        found = _Selection([0, 0, 0, *alpha])
    elif is_gray and channels in (1, 3):
        found = _Selection([0, *alpha], bool(alpha), lambda gray: np.repeat(gray, channels, 2))
    elif is_colored and channels in (1, 3):
        found = _Selection([0, 1, 2, *alpha], bool(alpha), luma if channels == 1 else np.asarray)
    else:
        raise ImageError(f"{source.path}: has {plural(len(names), 'band')}; expected {channels}")
    if len(colors) != channels:  # else only alpha is left out
        refuse_for_values(_describe(names), channels, source.path, spec)
    log_image(source.path, f"converted from {_describe(names)} to {_MODES[channels]}")
    return found


_MODES = {1: "grayscale", 3: "RGB", 4: "RGBA"}


def _describe(names: Sequence[str]) -> str:
    with_alpha = "alpha" in names
    if len(names) - with_alpha == 1:
        return "grayscale with alpha" if with_alpha else "grayscale"
    more = len(names) - 3 - with_alpha
    colors = "RGBA" if with_alpha else "RGB"
    return f"{colors} with {plural(more, 'more band')}" if more else colors


def _look_up(ids: np.ndarray, colors: np.ndarray | None, channels: int) -> np.ndarray:
    """Return the colors (h, w, channels) of palette indices (h, w, 1)."""
    if colors is None:
        raise TypeError("not a palette")
    found = colors[np.minimum(ids[..., 0], len(colors) - 1)]
    return luma(found[..., :3]) if channels == 1 else found[..., :channels]


def _divide_by_alpha(pixels: np.ndarray) -> np.ndarray:
    """Return pixels (h, w, bands) whose last band is alpha with colors not multiplied by it."""
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    alpha = np.maximum(pixels[..., -1:], pixels.dtype.type(1) if full > 1 else 1e-6)
    wide = pixels[..., :-1].astype(np.float64 if full == 1 else np.int64) * full
    colors = wide / alpha if full == 1 else wide // alpha
    return np.concatenate([colors.clip(0, full).astype(pixels.dtype), pixels[..., -1:]], -1)


def _full_range(pixels: np.ndarray, source: RasterFile) -> np.ndarray:
    """Return pixels as they look: less than 8 bits fill 8, and white is the largest value."""
    bits = source.bits or 8 * pixels.dtype.itemsize
    if source.meanings[0] == "white is zero":
        pixels = pixels.dtype.type(2**bits - 1) - pixels
    if bits < 8 and source.meanings[0] != "palette":
        pixels = np.rint(pixels * (255 / (2**bits - 1))).astype(np.uint8)
    return pixels
