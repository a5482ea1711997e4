"""Read and write TIFF files by windows."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from pluxel.core.common.logs import log_once
from pluxel.core.data.images import ImageError, read_image
from pluxel.core.engine.inference.rasters import Raster, can_be_windowed, open_raster, raster_writer
from pluxel.core.engine.inference.tiling import Region
from pluxel.registry import PluxelError
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from rasterio.transform import from_origin

SIZE = (70, 90)
CORNER = Region(range(64, 70), range(16, 90))
PLACED = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_400_000, 0.5, 0.5)}


@pytest.fixture(autouse=True)
def _forget_lines() -> None:
    log_once.cache_clear()


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


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("layout", [{"tiled": True, "blockxsize": 16, "blockysize": 16}, {}])
def test_windows_match_the_whole_file(tmp_path, dtype, bands, layout) -> None:
    pixels = noise(bands, dtype)
    path = write(tmp_path / "a.tif", pixels, compress="lzw", **layout)
    assert can_be_windowed(path)
    with open_raster(path, bands) as raster:
        assert raster.size == SIZE
        found = raster.read(CORNER)
    assert found.dtype == dtype
    assert np.array_equal(found, pixels[CORNER.slices])


def test_windows_match_pillow(tmp_path) -> None:
    path = write(tmp_path / "a.tif", noise(3), photometric="rgb")
    with open_raster(path, 3) as raster:
        assert np.array_equal(raster.read(CORNER), read_image(path)[CORNER.slices])


def binary() -> Image.Image:
    return Image.fromarray(noise(1)[..., 0] > 127)


COLORED = Image.fromarray(noise(3))
KINDS = {
    "gray": (lambda path: Image.fromarray(noise(1)[..., 0]).save(path), True),
    "RGB": (COLORED.save, True),
    "RGB in planes": (
        lambda path: write(path, noise(3), photometric="rgb", interleave="band"),
        True,
    ),
    "YCbCr": (lambda path: COLORED.save(path, compression="jpeg"), True),
    "alpha": (lambda path: Image.fromarray(noise(4)).save(path), True),
    "premultiplied": (
        lambda path: write(path, noise(4), photometric="rgb", alpha="premultiplied"),
        False,
    ),
    "palette": (lambda path: COLORED.quantize(200).save(path), False),
    "CMYK": (lambda path: COLORED.convert("CMYK").save(path), True),
    "1 bit": (lambda path: binary().save(path), False),
    "4 bits": (lambda path: write(path, noise(1) // 16, nbits=4), False),
    "white as 0": (lambda path: write(path, noise(1), photometric="miniswhite"), False),
    "1 bit, white as 0": (
        lambda path: write(path, noise(1) // 128, photometric="miniswhite", nbits=1),
        False,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_files_that_gdal_returns_as_displayed_are_windowed(tmp_path, kind: str) -> None:
    path = tmp_path / "a.tif"
    save, windowed = KINDS[kind]
    save(path)
    assert can_be_windowed(path) is windowed
    whole = read_image(path)[CORNER.slices]
    assert whole.std() > 20
    if windowed:
        with open_raster(path, 3) as raster:
            # Two libraries decode the JPEG data.
            np.testing.assert_allclose(
                raster.read(CORNER), whole, rtol=0, atol=2 * (kind == "YCbCr")
            )


def test_conversion_of_gray_and_alpha_is_logged(tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    gray = write(tmp_path / "gray.tif", noise(1))
    alpha = write(tmp_path / "alpha.tif", noise(4), photometric="rgb", alpha="yes")
    with open_raster(gray, 3) as raster:
        assert np.array_equal(raster.read(CORNER), np.repeat(noise(1)[CORNER.slices], 3, 2))
    with open_raster(alpha, 3) as raster:
        assert np.array_equal(raster.read(CORNER), noise(4)[CORNER.slices][..., :3])
    assert "gray.tif: converted from grayscale to RGB" in caplog.text
    assert "alpha.tif: converted from RGBA to RGB" in caplog.text


@pytest.mark.parametrize("bands", [2, 4, 5, 6, 7, 8])
def test_other_band_counts_raise(tmp_path, bands: int) -> None:
    path = write(tmp_path / "a.tif", noise(bands), photometric="minisblack")
    with pytest.raises(ImageError, match=rf"a.tif: has {bands} bands; expected 3"):
        open_raster(path, 3).__enter__()


def test_floats_out_of_range_raise(tmp_path) -> None:
    path = write(tmp_path / "a.tif", 7 * noise(1, "float32"))
    with (
        open_raster(path, 1) as raster,
        pytest.raises(ImageError, match="float32 images must be in 0 to"),
    ):
        raster.read(CORNER)


def test_error_names_a_truncated_file(tmp_path) -> None:
    path = write(tmp_path / "a.tif", noise(3))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ImageError, match=r"a\.tif: cannot be read"), open_raster(path, 3) as raster:
        raster.read(CORNER)


def test_other_files_are_not_windowed(tmp_path) -> None:
    Image.fromarray(noise(3)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "turned.tif", noise(3), extratags=[(274, 3, 1, 6, True)])
    (tmp_path / "text.tif").write_text("not a TIFF")
    assert not any(map(can_be_windowed, tmp_path.iterdir()))


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
        assert raster.is_placed
        with raster_writer(target, raster, "uint16", ("mask",)) as put:
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
        assert not raster.is_placed


def test_failed_write_leaves_no_file(tmp_path) -> None:
    source = write(tmp_path / "a.tif", noise(3))
    target = tmp_path / "out" / "b.tif"

    def half() -> None:
        with open_raster(source, 3) as raster, raster_writer(target, raster, "uint8") as put:
            put(CORNER, np.zeros(CORNER.size, np.uint8))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        half()
    assert list(target.parent.iterdir()) == []


def test_block_cache_is_bounded(tmp_path) -> None:
    """Its default is a twentieth of the memory of the machine."""
    with open_raster(write(tmp_path / "a.tif", noise(3)), 3):
        assert rasterio.env.getenv()["GDAL_CACHEMAX"] == 64


def test_results_beyond_four_gigabytes_are_bigtiff(tmp_path) -> None:
    """Magic numbers 42 and 43: TIFF 6.0, section 2, and BigTIFF."""
    source, magic = write(tmp_path / "a.tif", noise(1)), {}
    with open_raster(source, 1) as small:
        for name, bands in {"small.tif": 1, "large.tif": 1100}.items():
            target = tmp_path / "out" / name
            with raster_writer(target, Large(**vars(small)), "uint8", [""] * bands):
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
            with raster_writer(target, large, "uint8") as put:
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
