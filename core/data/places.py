"""Where on the ground an image lies: GeoTIFF, and world files beside images of other formats."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..common.logs import log_image
from ..geometry.regions import Size
from .limits import pillow_limits
from .orientation import FLIPS, orientation_of
from .raster_files import QUIET, RasterFile, has_raster_reader

Georeference = Mapping[str, Any]
"""What georeferences an upright image, as arguments of ``rasterio.open``: crs, transform, …"""

_WITH_OWN = frozenset({".jp2"})
"""Suffixes of formats other than TIFF that store a place themselves."""

_GEO_TAGS = (33550, 33922, 34264)
"""Tags of GeoTIFF: the size of a pixel, points on the ground, a transformation."""


def place_of_raster(source: RasterFile) -> Georeference | None:
    """Return the place of a TIFF, turned upright as its pixels are, or None if it has none.

    A camera model (RPC) belongs to the pixels as they are stored, so it is lost, with a warning, if
    these are turned.
    """
    if not source.is_placed:
        return None
    return _turned(_place_in(source.file), source.size, source.orientation, source.path)


def place_of(path: Path) -> Georeference | None:
    """Return the place of a file that is not read as a TIFF, upright, or None if it has none.

    The transform comes from a world file, else from the file itself or from ``.aux.xml``.

    Logs a warning if the file has a place that cannot be read or kept.
    """
    world = next((file for file in _world_files(path) if file.is_file()), None)
    described = path.with_name(f"{path.name}.aux.xml").is_file()
    stores = path.suffix.lower() in _WITH_OWN
    if not has_raster_reader():
        if world or stores or _is_geotiff(path):
            _warn(
                path,
                "with a place on the ground, which results lose (pip install rasterio tifffile)",
            )
        return None
    if not (world or described or stores):
        return None
    place = _stored_place(path) if described or stores else {}
    if world is not None:
        if (transform := _read_world_file(world)) is None:
            _warn(path, "with a world file that is not six numbers, so results have no place")
            return None
        place = {"crs": place.get("crs"), "transform": transform}
    if not place:
        return None
    with pillow_limits(path), Image.open(path) as image:
        width, height = image.size
    return _turned(place, (height, width), orientation_of(path), path)


def _world_files(path: Path) -> Iterator[Path]:
    """Yield where a world file of an image may be: a.pgw, a.pngw or a.wld beside a.png."""
    suffix = path.suffix[1:]
    for end in dict.fromkeys((suffix[:1] + suffix[-1:] + "w", f"{suffix}w", "wld")):
        yield from (path.with_suffix(f".{form}") for form in (end.lower(), end.upper()))


def _read_world_file(path: Path) -> Any | None:
    """Return the transform of a world file, or None if it is not six numbers of one.

    The numbers are A, D, B, E, and the coordinates of the center of the first pixel: C, F.
    """
    from rasterio.transform import Affine  # noqa: PLC0415 - an extra

    with suppress(OSError, ValueError):
        a, d, b, e, c, f = map(float, path.read_text(encoding="utf-8-sig").split())
        if math.isfinite(a + d + b + e + c + f) and a * e != b * d:
            return Affine(a, b, c - (a + b) / 2, d, e, f - (d + e) / 2)
    return None


def _stored_place(path: Path) -> Georeference:
    """Return the place that GDAL finds for a file; empty if there is none."""
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import RasterioError  # noqa: PLC0415

    with QUIET, suppress(RasterioError, OSError), rasterio.open(path) as file:
        return _place_in(file) if RasterFile(path, file).is_placed else {}
    return {}


def _place_in(file: Any) -> Georeference:
    points, system = file.gcps
    if points:
        from rasterio.crs import CRS  # noqa: PLC0415 - an extra

        return {"gcps": points, "crs": system or CRS()}  # rasterio writes no points without one
    return {"crs": file.crs, "transform": file.transform, "rpcs": file.rpcs}


def _turned(place: Georeference, size: Size, number: int, path: Path) -> Georeference | None:
    """Return the place of pixels that EXIF orientation ``number`` turns; ``size``: as stored."""
    if number == 1:
        return place
    if place.get("rpcs") is not None:
        _warn(path, "with a camera model (RPC) and an EXIF orientation, so results have no place")
        return None
    if points := place.get("gcps"):
        from rasterio.control import GroundControlPoint  # noqa: PLC0415 - an extra

        to_upright = np.linalg.inv(_from_upright(number, size))
        moved = [(point, to_upright @ (point.col, point.row, 1)) for point in points]
        turned = [
            GroundControlPoint(row, column, point.x, point.y, point.z, point.id, point.info)
            for point, (column, row, _) in moved
        ]
        return {**place, "gcps": turned}
    from rasterio.transform import Affine  # noqa: PLC0415 - an extra

    turned = np.reshape(place["transform"], (3, 3)) @ _from_upright(number, size)
    return {**place, "transform": Affine(*turned[:2].ravel())}


def _from_upright(number: int, size: Size) -> np.ndarray:
    """Return the 3×3 matrix from (column, row, 1) of upright pixels to those of the stored ones.

    It is no Affine, because its releases 2 and 3 multiply by different operators.
    """
    (rows, columns), (height, width) = FLIPS[number], size
    swap = np.eye(3)
    if number >= 5:
        swap, height, width = swap[[1, 0, 2]], width, height
    flip = np.array(
        [[columns, 0, 0 if columns > 0 else width], [0, rows, 0 if rows > 0 else height], [0, 0, 1]]
    )
    return swap @ flip


def _is_geotiff(path: Path) -> bool:
    with suppress(OSError), pillow_limits(path), Image.open(path) as image:
        return any(tag in getattr(image, "tag_v2", ()) for tag in _GEO_TAGS)
    return False


def _warn(path: Path, text: str) -> None:
    log_image(path, text, logging.WARNING)
