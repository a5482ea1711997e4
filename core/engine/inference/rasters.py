"""Read and write TIFF and GeoTIFF by windows through GDAL, so files need not fit in memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...common.files import replacing
from ...common.logs import log_once
from ...data.images import TIFF_SUFFIXES, ImageError, check_pixels, check_range
from .tiling import BLOCK, Region

CACHE_MEGABYTES = 64
"""Size of the block cache of GDAL; its default is a share of the memory of the machine."""

GRAY, COLOR, ALPHA = 1, 3, 4
"""Numbers of bands: gray, RGB, RGBA."""

PLAIN = {1, 2, 5, 6}
"""PhotometricInterpretation (TIFF 6.0, section 8): black is zero, RGB, CMYK, YCbCr."""

PREMULTIPLIED = 1
"""ExtraSamples (TIFF 6.0, section 18): colors are premultiplied by alpha."""


def can_be_windowed(path: Path) -> bool:
    """Return whether a file can be read by windows: an upright TIFF, with the extra installed.

    Excludes files that GDAL returns as stored but `read_image` as displayed: white is zero,
    palettes, less than 8 bits, premultiplied alpha.
    """
    missing = [name for name in ("rasterio", "tifffile") if find_spec(name) is None]
    if path.suffix.lower() not in TIFF_SUFFIXES or missing:
        return False
    import tifffile  # noqa: PLC0415 - an extra

    try:
        with tifffile.TiffFile(path) as file:
            return _is_plain(file.pages.first)
    except Exception:  # noqa: BLE001 - reading the file will report what is wrong
        return False


def _is_plain(page: Any) -> bool:
    """Return whether GDAL returns a page as displayed; it converts CMYK and YCbCr to RGB."""
    return (
        page.tags.valueof("Orientation", 1) == 1
        and page.photometric in PLAIN
        and page.bitspersample % 8 == 0
        and PREMULTIPLIED not in page.extrasamples
    )


@dataclass(frozen=True)
class Raster:
    """An open raster file, whose windows have ``channels`` channels."""

    path: Path
    channels: int
    bands: Sequence[int]
    file: Any

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.file.height, self.file.width

    @property
    def is_placed(self) -> bool:
        """Whether the file is georeferenced."""
        return self.file.crs is not None or bool(self.file.gcps[0]) or self.file.rpcs is not None

    def read(self, region: Region) -> np.ndarray:
        """Return the raw pixels of a region, (h, w, channels).

        Raises: ImageError with the name of the file if the region cannot be decoded.
        """
        from rasterio.errors import RasterioError  # noqa: PLC0415 - an extra

        try:
            pixels = self.file.read(list(self.bands), window=_window(region))
        except (RasterioError, OSError) as error:  # OSError: before rasterio 1.4
            raise ImageError(f"{self.path}: cannot be read: {_reason(error)}") from error
        checked = check_pixels(np.moveaxis(pixels, 0, -1), self.channels, self.path)
        return check_range(checked, self.path)


@contextmanager
def open_raster(path: Path, channels: int) -> Iterator[Raster]:
    """Open a TIFF to read windows with ``channels`` channels.

    For three channels, gray is repeated and alpha is dropped, with a message in the log.

    Raises: ImageError if GDAL cannot open the file, or if the number of bands does not fit.
    """
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    with _quiet(), rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES):
        try:
            file = rasterio.open(path)
        except (RasterioError, OSError) as error:
            raise ImageError(f"{path}: cannot be read: {_reason(error)}") from error
        with file:
            yield Raster(path, channels, _bands(path, file, channels), file)


def _bands(path: Path, file: Any, channels: int) -> Sequence[int]:
    """Return the bands, counted from 1, to read as channels."""
    from rasterio.enums import ColorInterp  # noqa: PLC0415 - an extra

    count = file.count
    if count == channels:
        return range(1, count + 1)
    if count == GRAY and channels == COLOR:
        log_once(logging.INFO, f"{path}: converted from grayscale to RGB")
        return [1, 1, 1]
    if count == ALPHA and channels == COLOR and file.colorinterp[-1] == ColorInterp.alpha:
        log_once(logging.INFO, f"{path}: converted from RGBA to RGB")
        return [1, 2, 3]
    raise ImageError(f"{path}: has {count} bands; expected {channels}")


Write = Callable[[Region, np.ndarray], None]
"""Writes the pixels of a region, (h, w) or (h, w, bands)."""


@contextmanager
def raster_writer(
    path: Path, like: Raster, dtype: str, descriptions: Sequence[str] = ("",)
) -> Iterator[Write]:
    """Write a compressed, tiled TIFF by windows, with size and georeference of another one.

    ``descriptions``: one per band. The file appears under its name only when it is complete.

    Raises: PluxelError if the file cannot be written.
    """
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    profile = _place(like.file) | {
        "driver": "GTiff",
        "height": like.size[0],
        "width": like.size[1],
        "count": len(descriptions),
        "dtype": dtype,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "bigtiff": "if_safer",
        "photometric": "rgb" if len(descriptions) == COLOR and dtype == "uint8" else "minisblack",
    }
    with replacing(path) as unfinished, _quiet():
        try:
            with rasterio.open(unfinished, "w", **profile) as file:
                for band, description in enumerate(descriptions, 1):
                    file.set_band_description(band, description)

                def write(region: Region, pixels: np.ndarray) -> None:
                    planes = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]
                    file.write(planes, window=_window(region))

                yield write
        except RasterioError as error:
            raise OSError(_reason(error)) from error
        _check_complete(unfinished)


def _check_complete(path: Path) -> None:
    """Raise OSError unless all blocks are in a file: GDAL hides errors of closing one."""
    import tifffile  # noqa: PLC0415 - an extra

    size = path.stat().st_size
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            blocks = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    except Exception as error:  # whatever a cut file makes a parser raise
        raise OSError("the file is incomplete; is the disk full?") from error
    if not blocks or any(not count or start + count > size for start, count in blocks):
        raise OSError("the file is incomplete; is the disk full?")


def _place(file: Any) -> dict[str, Any]:
    """Return the georeference of a file, if it has one."""
    ground_points, system = file.gcps
    if ground_points:
        return {"gcps": ground_points, "crs": system}
    return {"crs": file.crs, "transform": file.transform, "rpcs": file.rpcs}


def _window(region: Region) -> Any:
    from rasterio.windows import Window  # noqa: PLC0415 - an extra

    height, width = region.size
    return Window(region.columns.start, region.rows.start, width, height)  # pyright: ignore[reportCallIssue]


def _reason(error: Exception) -> str:
    """Return the message of GDAL, which rasterio keeps as the cause."""
    return " ".join(str(error.__cause__ or error).split())


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore the warning that a file is not georeferenced."""
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
