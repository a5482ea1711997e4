"""Write GeoTIFF files by windows."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pluxel.core.data.places import place_of_raster
from pluxel.core.data.rasters import Raster, open_raster
from pluxel.core.engine.inference.rasters import raster_writer
from pluxel.core.engine.inference.tiling import Region
from pluxel.registry import PluxelError
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from rasterio.transform import from_origin

SIZE = (70, 90)
CORNER = Region(range(64, 70), range(16, 90))
PLACED = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_400_000, 0.5, 0.5)}


def noise(bands: int, dtype: str = "uint8") -> np.ndarray:
    random = np.random.default_rng(0)
    if dtype == "float32":
        return random.random((*SIZE, bands), np.float32)
    return random.integers(0, np.iinfo(dtype).max, (*SIZE, bands)).astype(dtype)


def write(path: Path, pixels: np.ndarray, **options) -> Path:
    profile = {"driver": "GTiff", "height": SIZE[0], "width": SIZE[1], "count": pixels.shape[2]}
    with rasterio.open(path, "w", dtype=pixels.dtype, **profile, **options) as file:
        file.write(np.moveaxis(pixels, -1, 0))
    return path


@pytest.mark.parametrize(
    "place",
    [
        PLACED,
        {
            "crs": "EPSG:4326",
            "gcps": [GroundControlPoint(row, col, 7.0 + col, 50 - row) for row, col in
                     ((0, 0), (0, 90), (70, 0), (70, 90))],
        },
        {"rpcs": RPC(
            err_bias=0.5, err_rand=0.25,
            height_off=300, height_scale=500, lat_off=50, lat_scale=0.1, long_off=7,
            long_scale=0.1, line_off=35, line_scale=35, samp_off=45, samp_scale=45,
            line_num_coeff=[0.0, 0, -1] + [0.0] * 17, line_den_coeff=[1.0] + [0.0] * 19,
            samp_num_coeff=[0.0, 1] + [0.0] * 18, samp_den_coeff=[1.0] + [0.0] * 19,
        )},
    ],
    ids=["transform", "ground control points", "RPCs"],
)  # fmt: skip
def test_results_keep_the_georeference(tmp_path, place: dict) -> None:
    source = write(tmp_path / "a.tif", noise(3), **place)
    target = tmp_path / "out" / "b.tif"
    with open_raster(source, 3) as raster:
        assert raster.source.is_placed
        with raster_writer(
            target, raster.size, place_of_raster(raster.source), "uint16", ("mask",)
        ) as put:
            put(CORNER, np.full(CORNER.size, 300, np.uint16))
    with rasterio.open(source) as before, rasterio.open(target) as after:
        assert after.crs == before.crs
        assert after.transform == before.transform
        assert str(after.rpcs) == str(before.rpcs)
        assert [p.asdict()["x"] for p in after.gcps[0]] == [p.asdict()["x"] for p in before.gcps[0]]
        assert after.descriptions == ("mask",)
        assert after.profile["tiled"]
        found = after.read(1)
    assert (found[CORNER.slices] == 300).all()
    assert found.sum() == 300 * np.prod(CORNER.size)


def test_plain_tiff_is_not_georeferenced(tmp_path) -> None:
    with open_raster(write(tmp_path / "a.tif", noise(3)), 3) as raster:
        assert not raster.source.is_placed


def test_failed_write_leaves_no_file(tmp_path) -> None:
    source = write(tmp_path / "a.tif", noise(3))
    target = tmp_path / "out" / "b.tif"

    def half() -> None:
        with (
            open_raster(source, 3) as raster,
            raster_writer(target, raster.size, place_of_raster(raster.source), "uint8") as put,
        ):
            put(CORNER, np.zeros(CORNER.size, np.uint8))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        half()
    assert list(target.parent.iterdir()) == []


def test_results_beyond_four_gigabytes_are_bigtiff(tmp_path) -> None:
    """Magic numbers 42 and 43: TIFF 6.0, section 2, and BigTIFF."""
    source, magic = write(tmp_path / "a.tif", noise(1)), {}
    with open_raster(source, 1) as small:
        for name, bands in {"small.tif": 1, "large.tif": 1100}.items():
            target = tmp_path / "out" / name
            with raster_writer(target, Large(**vars(small)).size, None, "uint8", [""] * bands):
                pass
            magic[name] = target.read_bytes()[2]
    assert magic == {"small.tif": 42, "large.tif": 43}


@pytest.fixture
def _full_disk() -> Iterator[None]:
    """Limit all files to one megabyte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("_full_disk")
def test_full_disk_leaves_no_file(tmp_path) -> None:
    source, target = write(tmp_path / "a.tif", noise(1)), tmp_path / "out" / "b.tif"
    random = np.random.default_rng(0)

    def much() -> None:
        with open_raster(source, 1) as small:
            large = Large(**vars(small))
            with raster_writer(target, large.size, place_of_raster(large.source), "uint8") as put:
                for top in range(0, large.size[0], 256):
                    region = Region(range(top, top + 256), range(large.size[1]))
                    put(region, random.integers(0, 256, region.size).astype(np.uint8))

    with pytest.raises(PluxelError) as caught:
        much()
    assert str(caught.value).startswith(f"cannot write {target}: ")
    assert list(target.parent.iterdir()) == []


class Large(Raster):
    """A file that reports a larger size than its real one."""

    size = (2048, 2048)
