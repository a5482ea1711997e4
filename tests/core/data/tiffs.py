"""TIFF files of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio

SIZE = (70, 90)


def noise(bands: int, dtype: str = "uint8", size: tuple[int, int] = SIZE) -> np.ndarray:
    random = np.random.default_rng(0)
    if dtype.startswith("float"):
        return random.random((*size, bands)).astype(dtype)
    return random.integers(0, np.iinfo(dtype).max, (*size, bands)).astype(dtype)


def write(path: Path, pixels: np.ndarray, **options) -> Path:
    height, width, count = pixels.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": count}
    with rasterio.open(path, "w", dtype=pixels.dtype, **profile, **options) as file:
        file.write(np.moveaxis(pixels, -1, 0))
    return path


def write_with_mask(path: Path, pixels: np.ndarray, valid: np.ndarray, *, inside: bool) -> Path:
    """Write a TIFF with a mask, inside of the file or beside it, as ``.msk``."""
    write(path, pixels, photometric="rgb" if pixels.shape[2] == 3 else "minisblack")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
        file.write_mask(valid)
    assert path.with_name(f"{path.name}.msk").exists() is not inside
    return path
