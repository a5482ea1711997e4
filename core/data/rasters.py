"""Read TIFF and GeoTIFF through GDAL, whole or by windows, so files need not fit in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...registry import needed_by
from ..common.logs import log_conversion
from ..contracts.encoding import PLAIN, Encoding
from ..geometry.regions import Region
from .orientation import tiff_orientation, turned
from .pixels import ImageError, Stored, luma, nodata_pixels, to_input, union

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})

CACHE_MEGABYTES = 64
"""Size of the block cache of GDAL; its default is a share of the memory of the machine."""

RGB = ["red", "green", "blue"]

PREMULTIPLIED = 1
"""ExtraSamples (TIFF 6.0, section 18): colors are multiplied by alpha."""


def has_raster_reader() -> bool:
    """Return whether the packages that read TIFF files are installed."""
    return all(find_spec(name) is not None for name in ("rasterio", "tifffile"))


def require_raster_reader(path: Path) -> None:
    """Raise MissingPackage for a file if the packages that read TIFF files are missing."""
    with needed_by(str(path)):
        import rasterio  # noqa: F401, PLC0415 - an extra
        import tifffile  # noqa: F401, PLC0415 - an extra


def is_tiff(path: Path) -> bool:
    """Return whether a file starts like TIFF or BigTIFF, whatever its suffix."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_raster(path: Path) -> bool:
    """Return whether a file is read through GDAL: TIFF, unless the packages are missing."""
    return is_tiff(path) and has_raster_reader()


@contextmanager
def open_file(path: Path, bands: int | None = 1) -> Iterator[RasterFile]:
    """Open a TIFF file. ``bands``: as many as expected, in case they are pages; None: not known.

    Raises: ImageError if it cannot be opened; MissingPackage without the packages.
    """
    require_raster_reader(path)
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    with quiet(), rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES), ExitStack() as files:
        try:
            first = files.enter_context(rasterio.open(path))
            pages, are_rows = _pages(first, bands)
            others = [files.enter_context(rasterio.open(page)) for page in pages]
        except (RasterioError, OSError) as error:
            raise ImageError(f"{path}: cannot be read: {reason(error)}") from error
        yield RasterFile(path, first, others, are_rows)


@dataclass(frozen=True)
class RasterFile:
    """An open TIFF file.

    ``pages``: one file object per band, or per row if ``are_rows``; empty if the file is one page.
    """

    path: Path
    file: Any
    pages: Sequence[Any] = ()
    are_rows: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        file = self.file
        return (len(self.pages), file.height) if self.are_rows else (file.height, file.width)

    @property
    def is_placed(self) -> bool:
        """Whether the file is georeferenced: by a system, points, a model, or only a transform."""
        file = self.file
        found = file.crs is not None or bool(file.gcps[0]) or file.rpcs is not None
        return found or not file.transform.is_identity

    @cached_property
    def orientation(self) -> int:
        """The EXIF orientation, 1–8; GDAL ignores it."""
        return tiff_orientation(self.path)

    @property
    def is_lossy(self) -> bool:
        """Whether the compression changes values."""
        return str(self.file.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "")) == "JPEG"

    @property
    def meanings(self) -> list[str]:
        """The meaning of each band, as in `Stored`."""
        if self.pages:
            return ["undefined"] * (self.file.width if self.are_rows else len(self.pages))
        names = [color.name for color in self.file.colorinterp]
        is_inverted = self.file.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        if (
            is_inverted
            and names[0] in ("gray", "undefined")
            and self.file.dtypes[0].startswith("uint")
        ):
            names[0] = "white is zero"
        return names

    @property
    def bits(self) -> int | None:
        """The bits of each value if they are fewer than those of its type, else None."""
        bits = self.file.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
        return int(bits) if bits and self.file.dtypes[0].startswith("uint") else None

    @cached_property
    def is_premultiplied(self) -> bool:
        """Whether the colors are multiplied by alpha."""
        if "alpha" not in self.meanings:
            return False
        import tifffile  # noqa: PLC0415 - an extra

        with tifffile.TiffFile(self.path) as file:
            return PREMULTIPLIED in file.pages.first.extrasamples

    @property
    def may_lack_data(self) -> bool:
        """Whether the file can have pixels without data."""
        flags = {flag.name for flags in self.file.mask_flag_enums for flag in flags}
        return flags != {"all_valid"} or self.file.dtypes[0].startswith("float")

    @property
    def colors(self) -> np.ndarray | None:
        """The colors of the palette, (N, 4) uint8 RGBA, or None."""
        if self.meanings[0] != "palette":
            return None
        table = self.file.colormap(1)
        return np.array([table.get(i, (0, 0, 0, 255)) for i in range(1 + max(table))], np.uint8)

    def read(self, region: Region | None = None, bands: Sequence[int] | None = None) -> np.ndarray:
        """Return stored values (h, w, bands) of a region, by default of the file.

        ``bands``: counted from 0, by default all.

        Raises: ImageError with the name of the file if the region cannot be decoded.
        """
        from rasterio.errors import RasterioError  # noqa: PLC0415 - an extra

        window = None if region is None else window_of(region)
        chosen = range(len(self.meanings)) if bands is None else bands
        try:
            if self.are_rows:
                return self._read_rows(region)[..., list(chosen)]
            if self.pages:
                planes = np.stack([self.pages[band].read(1, window=window) for band in chosen])
            else:
                planes = self.file.read([band + 1 for band in chosen], window=window)
        except (RasterioError, OSError) as error:  # OSError: before rasterio 1.4
            raise ImageError(f"{self.path}: cannot be read: {reason(error)}") from error
        if self.file.tags(1, ns="IMAGE_STRUCTURE").get("PIXELTYPE") == "SIGNEDBYTE":
            planes = planes.view(np.int8)  # GDAL before 3.7 has no int8
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1))

    def _read_rows(self, region: Region | None) -> np.ndarray:
        height, width = self.size
        region = region or Region(range(height), range(width))
        window = window_of(Region(region.columns, range(self.file.width)))
        return np.stack([self.pages[row].read(1, window=window) for row in region.rows])

    def masked_out(self, region: Region | None = None) -> np.ndarray | None:
        """Return True for the pixels (h, w) that a mask of the file excludes, or None."""
        flags = {flag.name for flag in self.file.mask_flag_enums[0]}
        if "per_dataset" not in flags or "alpha" in flags:
            return None
        window = None if region is None else window_of(region)
        return self.file.read_masks(1, window=window) == 0

    @property
    def nodata(self) -> Sequence[float | None]:
        """The nodata values that the file declares."""
        return [value for value in self.file.nodatavals if value is not None]


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
    encoding: Encoding
    selection: _Selection

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.source.size

    @property
    def may_lack_data(self) -> bool:
        """Whether windows may have pixels without data."""
        return self.source.may_lack_data or self.encoding.nodata is not None

    def read(self, region: Region | None = None) -> np.ndarray:
        """Return the raw pixels of a region, (h, w, channels), by default of the whole file.

        Pixels without data are masked: those of nodata, of a mask, and below transparent alpha.

        Raises: ImageError with the name of the file if the region cannot be decoded.
        """
        source, (bands, has_alpha, show) = self.source, self.selection
        pixels = source.read(region, bands)
        alpha = pixels[..., -1] if has_alpha else None
        if source.is_premultiplied:
            pixels = _unmultiplied(pixels)
        pixels = pixels[..., :-1] if has_alpha else pixels
        missing = union(
            None if alpha is None else alpha == 0,
            source.masked_out(region),
            nodata_pixels(pixels, self.encoding, source.nodata),
        )
        if self.encoding.scale is None:
            pixels = _full_range(pixels, source)
        return to_input(show(pixels), self.channels, source.path, self.encoding, missing)


@contextmanager
def open_raster(path: Path, channels: int, encoding: Encoding = PLAIN) -> Iterator[Raster]:
    """Open a TIFF to read windows with ``channels`` channels.

    As many bands as channels are read as they are. For three channels, gray is repeated, a palette
    is applied, and bands beside red, green and blue are dropped; for one channel, colors become
    gray. The log says so.

    Raises: ImageError if GDAL cannot open the file, or if the number of bands does not fit.
    """
    with open_file(path, channels) as source:
        yield Raster(source, channels, encoding, _select(source, channels))


def read_raster(path: Path, channels: int, encoding: Encoding = PLAIN) -> np.ndarray:
    """Return a TIFF as `open_raster` reads it, upright.

    Raises: ImageError.
    """
    with open_raster(path, channels, encoding) as raster:
        return turned(raster.read(), raster.source.orientation, path)


def stored_raster(path: Path) -> Stored:
    """Return what a TIFF stores, upright. Raises: ImageError."""
    with open_file(path) as source:
        turn = partial(turned, number=source.orientation, name=path)
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


def _select(source: RasterFile, channels: int) -> _Selection:
    """Return how the bands of a file become channels. Raises: ImageError if they do not."""
    names = list(source.meanings)
    alpha = [names.index("alpha")] if "alpha" in names[1:] else []
    colors = [name for name in names if name != "alpha"]
    is_gray, is_colored = len(colors) == 1, colors[:3] == RGB
    if names == ["palette"] and channels in _MODES:
        log_conversion(source.path, f"converted from palette to {_MODES[channels]}")
        return _Selection([0], show=lambda ids: _looked_up(ids, source.colors, channels))
    if len(names) == channels:
        return _Selection(range(channels))
    if is_gray and channels == 4 and alpha:
        found = _Selection([0, 0, 0, *alpha])
    elif is_gray and channels in (1, 3):
        found = _Selection([0, *alpha], bool(alpha), lambda gray: np.repeat(gray, channels, 2))
    elif is_colored and channels in (1, 3):
        found = _Selection([0, 1, 2, *alpha], bool(alpha), luma if channels == 1 else np.asarray)
    else:
        raise ImageError(f"{source.path}: has {len(names)} bands; expected {channels}")
    log_conversion(source.path, f"converted from {_describe(names)} to {_MODES[channels]}")
    return found


_MODES = {1: "grayscale", 3: "RGB", 4: "RGBA"}


def _describe(names: Sequence[str]) -> str:
    with_alpha = "alpha" in names
    if len(names) - with_alpha == 1:
        return "grayscale with alpha" if with_alpha else "grayscale"
    more = len(names) - 3 - with_alpha
    return ("RGBA" if with_alpha else "RGB") + (f" with {more} more bands" if more else "")


def _looked_up(ids: np.ndarray, colors: np.ndarray | None, channels: int) -> np.ndarray:
    """Return the colors (h, w, channels) of palette indices (h, w, 1)."""
    if colors is None:
        raise TypeError("not a palette")
    found = colors[np.minimum(ids[..., 0], len(colors) - 1)]
    return luma(found[..., :3]) if channels == 1 else found[..., :channels]


def _unmultiplied(pixels: np.ndarray) -> np.ndarray:
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


def _pages(file: Any, bands: int | None) -> tuple[list[str], bool]:
    """Return the pages of a file that stores its bands, or its rows, as pages; else none.

    ``bands``: the expected number; None if it is not known. Rows are pages if the last axis of an
    array (rows, columns, bands) was written as the width of pages.
    """
    # The list is sorted as text: 1, 10, 2.
    pages = [f"GTIFF_DIR:{i + 1}:{file.name}" for i in range(len(file.subdatasets))]
    if file.count != 1 or len(pages) < 2:
        return [], False
    if bands in (None, len(pages)):
        return pages, bands is None and file.width < len(pages)
    return (pages, True) if bands == file.width else ([], False)


def window_of(region: Region) -> Any:
    """Return a region as a window of rasterio."""
    from rasterio.windows import Window  # noqa: PLC0415 - an extra

    height, width = region.size
    return Window(region.columns.start, region.rows.start, width, height)  # pyright: ignore[reportCallIssue]


def reason(error: Exception) -> str:
    """Return the message of GDAL, which rasterio keeps as the cause."""
    return " ".join(str(error.__cause__ or error).split())


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore the warning that a file is not georeferenced."""
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
