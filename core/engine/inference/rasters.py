"""Write GeoTIFF by windows through GDAL, so results need not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...common.files import cannot_write, replacing
from ...data.places import Georeference
from ...data.raster_files import QUIET, reason, window_of
from ...data.results import WRITTEN_BY
from ...geometry.regions import Size
from .tiling import BLOCK, Region

COLOR = 3
"""Number of bands: red, green, blue."""

Write = Callable[[Region, np.ndarray, np.ndarray | None], None]
"""Writes the pixels of a region, (h, w) or (h, w, bands), and where there is no data, (h, w)."""


@contextmanager
def raster_writer(
    path: Path,
    size: Size,
    place: Georeference | None,
    dtype: str,
    descriptions: Sequence[str] = ("",),
    nodata: float | None = None,
    *,
    may_lack_data: bool = False,
) -> Iterator[Write]:
    """Write a compressed, tiled TIFF (height, width) at a place by windows.

    ``descriptions``: one per band. ``nodata``: the value of pixels without data, which the file
    declares if it ``may_lack_data``; without it, the file then gets a mask. The file appears under
    its name only when it is complete.

    Raises: PluxelError if the file cannot be written.
    """
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    profile = dict(place or {}) | {
        "driver": "GTiff",
        "height": size[0],
        "width": size[1],
        "count": len(descriptions),
        "dtype": dtype,
        "nodata": nodata if may_lack_data else None,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "bigtiff": "if_safer",
        "photometric": "rgb" if len(descriptions) == COLOR and dtype == "uint8" else "minisblack",
    }
    with_mask = may_lack_data and nodata is None
    options = {"GDAL_TIFF_INTERNAL_MASK": True}
    with replacing(path) as unfinished, QUIET, rasterio.Env(**options):
        try:
            with rasterio.open(unfinished, "w", **profile) as file:
                file.update_tags(TIFFTAG_SOFTWARE=WRITTEN_BY)
                for band, description in enumerate(descriptions, 1):
                    file.set_band_description(band, description)

                def write(
                    region: Region, pixels: np.ndarray, missing: np.ndarray | None = None
                ) -> None:
                    planes = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]
                    file.write(planes, window=window_of(region))
                    if with_mask:
                        there = np.ones(region.size, bool) if missing is None else ~missing
                        file.write_mask(there, window=window_of(region))

                yield write
        except RasterioError as error:
            raise cannot_write(path, reason(error)) from error
        if not _is_complete(unfinished):
            raise cannot_write(path, "the file is incomplete; is the disk full?")


def _is_complete(path: Path) -> bool:
    """Return whether all blocks are in a file: GDAL hides errors of closing one."""
    import tifffile  # noqa: PLC0415 - an extra

    size = path.stat().st_size
    try:
        with tifffile.TiffFile(path) as file:
            blocks = [  # of the image, and of its mask
                block
                for page in file.pages
                for block in zip(page.dataoffsets, page.databytecounts, strict=True)
            ]
    except Exception:  # noqa: BLE001 - whatever a cut file makes a parser raise
        return False
    return bool(blocks) and all(count and start + count <= size for start, count in blocks)
