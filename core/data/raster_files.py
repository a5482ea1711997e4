"""Open TIFF files through GDAL: what they store, whole or by windows."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import needed_by
from ..common.logs import log_image
from ..common.shared import SharedContext
from ..geometry.regions import Region
from .orientation import tiff_orientation
from .pixels import ImageError

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})

CACHE_MEGABYTES = 64
"""Size of the block cache of GDAL; its default is a share of the memory of the machine."""

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

    If the pages are not bands, only the first is read, which is logged.

    Raises: ImageError if it cannot be opened; MissingPackage without the packages.
    """
    require_raster_reader(path)
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    with QUIET, rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES), ExitStack() as files:
        try:
            first = files.enter_context(rasterio.open(path))
            pages, are_rows = _pages(first, bands)
            others = [files.enter_context(rasterio.open(page)) for page in pages]
        except (RasterioError, OSError) as error:
            raise ImageError(f"{path}: cannot be read: {reason(error)}") from error
        if not pages:
            log_further_pages(path, len(first.subdatasets))
        yield RasterFile(path, first, others, are_rows)


def log_further_pages(path: Path, count: int, what: str = "page") -> None:
    """Log that a file with ``count`` pages or frames is read without those after the first."""
    if count > 1:
        text = f"with more than one {what}, of which only the first is read"
        log_image(path, text, logging.WARNING)


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
def _ignore_places() -> Iterator[None]:
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


QUIET = SharedContext(_ignore_places)
"""Ignores the warning that a file is not georeferenced."""
