"""TIFF files are read alike whole and by windows, as they look for images."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image, ImageOps
from pluxel.core.common.logs import log_once
from pluxel.core.data import raster_files
from pluxel.core.data.images import image_shape, read_image, read_index_mask
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.raster_files import is_raster
from pluxel.core.data.rasters import open_raster
from pluxel.core.geometry.regions import Region
from pluxel.registry import MissingPackage

from .tiffs import SIZE, noise, write

CORNER = Region(range(64, 70), range(16, 90))


@pytest.fixture(autouse=True)
def _forget_lines() -> None:
    log_once.cache_clear()


def window(path, channels: int) -> np.ndarray:
    with open_raster(path, channels) as raster:
        assert raster.size == read_image(path, channels).shape[:2]
        return raster.read(CORNER)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(
    "layout",
    [{"tiled": True, "blockxsize": 16, "blockysize": 16}, {"interleave": "band"}, {"nbits": 12}],
    ids=["tiles", "planes", "12 bits"],
)
def test_as_many_bands_as_channels_are_read_as_stored(tmp_path, dtype, bands, layout) -> None:
    pixels = noise(bands, dtype)
    if "nbits" in layout:
        if dtype != "uint16":
            return
        pixels //= 16
    path = write(tmp_path / "a.tif", pixels, compress="lzw", **layout)
    assert is_raster(path)
    for found, expected in (
        (read_image(path, bands), pixels),
        (window(path, bands), pixels[CORNER.slices]),
    ):
        assert found.dtype == dtype
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("stored", "read"),
    [("int16", "uint16"), ("int32", "uint16"), ("uint32", "uint16"), ("float64", "float32")],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_other_types_are_converted_if_all_values_fit(tmp_path, stored, read, channels) -> None:
    pixels = (noise(channels, "float64") * (1 if stored == "float64" else 30_000)).astype(stored)
    path = write(tmp_path / "a.tif", pixels)
    assert read_image(path, channels).dtype == read
    assert np.array_equal(read_image(path, channels), pixels.astype(read))
    assert np.array_equal(window(path, channels), pixels.astype(read)[CORNER.slices])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "complex64"])
def test_types_without_a_range_are_an_error(tmp_path, dtype) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), dtype))
    with pytest.raises(ImageError, match=f"a.tif: has type {dtype}; expected uint8, uint16 or fl"):
        read_image(tmp_path / "a.tif", 1)


COLORED = Image.fromarray(noise(3))
KINDS = {
    "gray": lambda path: Image.fromarray(noise(1)[..., 0]).save(path),
    "gray with alpha": lambda path: Image.fromarray(noise(4) | 1).convert("LA").save(path),
    "RGB": COLORED.save,
    "RGB in planes": lambda path: write(path, noise(3), photometric="rgb", interleave="band"),
    "YCbCr": lambda path: COLORED.save(path, compression="jpeg"),
    "alpha": lambda path: Image.fromarray(noise(4) | 1).save(path),
    "near infrared": lambda path: write(path, noise(4), photometric="rgb", alpha="no"),
    "premultiplied": lambda path: write(
        path, noise(4) | 1, photometric="rgb", alpha="premultiplied"
    ),
    "palette": lambda path: COLORED.quantize(200).save(path),
    "CMYK": lambda path: COLORED.convert("CMYK").save(path),
    "1 bit": lambda path: Image.fromarray(noise(1)[..., 0] > 127).save(path),
    "2 bits": lambda path: write(path, noise(1) // 64, nbits=2),
    "4 bits": lambda path: write(path, noise(1) // 16, nbits=4),
    "white as 0": lambda path: write(path, noise(1), photometric="miniswhite"),
    "1 bit, white as 0": lambda path: write(
        path, noise(1) // 128, photometric="miniswhite", nbits=1
    ),
    "4 bits, white as 0": lambda path: write(
        path, noise(1) // 16, photometric="miniswhite", nbits=4
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_look_as_pillow_shows_them(tmp_path, kind: str, channels: int) -> None:
    """GDAL returns palettes, few bits, white as 0 and premultiplied alpha as they are stored."""
    path = tmp_path / "a.tif"
    KINDS[kind](path)
    whole = read_image(path, channels)
    assert whole.std() > 20
    assert np.array_equal(window(path, channels), whole[CORNER.slices])
    with Image.open(path) as image:
        shown = np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(whole.shape)
    # Two libraries decode the JPEG data.
    np.testing.assert_allclose(whole, shown, rtol=0, atol=2 * (kind == "YCbCr"))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_wide_gray_is_repeated_with_all_its_values(tmp_path, dtype) -> None:
    pixels = noise(1, dtype)
    path = write(tmp_path / "a.tif", pixels)
    assert read_image(path, 3).dtype == dtype
    assert np.array_equal(read_image(path, 3), np.repeat(pixels, 3, 2))
    assert np.array_equal(window(path, 3), read_image(path, 3)[CORNER.slices])


def test_wide_colors_become_gray_by_their_luma(tmp_path) -> None:
    pixels = noise(3, "uint16")
    path = write(tmp_path / "a.tif", pixels, photometric="rgb")
    luma = pixels @ [0.299, 0.587, 0.114]
    assert np.abs(read_image(path, 1)[..., 0] - luma).max() <= 1


def test_conversions_are_logged(tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    gray = write(tmp_path / "gray.tif", noise(1))
    alpha = write(tmp_path / "alpha.tif", noise(4) | 1, photometric="rgb", alpha="yes")
    infrared = write(tmp_path / "nir.tif", noise(4), photometric="rgb", alpha="no")
    assert np.array_equal(read_image(gray), np.repeat(noise(1), 3, 2))
    assert np.array_equal(read_image(alpha), (noise(4) | 1)[..., :3])
    assert np.array_equal(read_image(infrared), noise(4)[..., :3])
    assert np.array_equal(read_image(infrared, 4), noise(4))
    assert caplog.messages == [
        f"{gray}: converted from grayscale to RGB",
        f"{alpha}: converted from RGBA to RGB",
        f"{infrared}: converted from RGB with 1 more band to RGB",
    ]


@pytest.mark.parametrize("bands", [2, 4, 5, 6, 7, 8])
def test_other_band_counts_raise(tmp_path, bands: int) -> None:
    path = write(tmp_path / "a.tif", noise(bands), photometric="minisblack")
    with pytest.raises(ImageError, match=rf"a.tif: has {bands} bands; expected 3"):
        read_image(path)
    assert image_shape(path) == (*SIZE, bands)


@pytest.mark.parametrize("shape", [(145, 145, 103), (20, 30, 52), (52, 30, 20), (7, 5, 6)])
@pytest.mark.parametrize("planarconfig", ["contig", "separate", None], ids=str)
def test_hyperspectral_files_of_any_layout(tmp_path, shape, planarconfig) -> None:
    """More bands than rows or columns, in one page or in pages of bands or of rows."""
    path, pixels = tmp_path / "a.tif", np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
    pixels = (pixels % 65521).astype(np.uint16)
    stored = np.moveaxis(pixels, -1, 0) if planarconfig == "separate" else pixels
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planarconfig)
    assert np.array_equal(read_image(path, shape[2]), pixels)
    part = Region(range(2, 5), range(1, 4))
    with open_raster(path, shape[2]) as raster:
        assert np.array_equal(raster.read(part), pixels[part.slices])


def test_pages_are_bands(tmp_path) -> None:
    pixels = noise(5, "uint16")
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(pixels, -1, 0), photometric="minisblack")
    assert np.array_equal(read_image(tmp_path / "a.tif", 5), pixels)
    assert np.array_equal(window(tmp_path / "a.tif", 5), pixels[CORNER.slices])
    assert image_shape(tmp_path / "a.tif") == (*SIZE, 5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_any_number_of_bands(tmp_path, orientation) -> None:
    pixels = noise(5)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(
        tmp_path / "five.tif",
        pixels,
        photometric="minisblack",
        planarconfig="contig",
        extratags=tags,
    )
    tifffile.imwrite(tmp_path / "rgb.tif", pixels[..., :3], photometric="rgb", extratags=tags)
    with Image.open(tmp_path / "rgb.tif") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(tmp_path / "rgb.tif"), expected)
    assert np.array_equal(read_image(tmp_path / "five.tif", 5)[..., :3], expected)
    assert image_shape(tmp_path / "five.tif")[:2] == expected.shape[:2]


@pytest.mark.parametrize("content", ["PNG", "TIFF"])
def test_content_selects_the_reader(tmp_path, content) -> None:
    path = tmp_path / ("a.tif" if content == "PNG" else "a.png")
    Image.fromarray(noise(3)).save(path, format=content)
    assert is_raster(path) is (content == "TIFF")
    assert np.array_equal(read_image(path), noise(3))


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("dtype", ["uint16", "float32", "int32"])
def test_byte_order_does_not_matter(tmp_path, byteorder, dtype) -> None:
    pixels = np.arange(6).reshape(2, 3).astype(dtype) / (6 if dtype == "float32" else 1)
    tifffile.imwrite(tmp_path / "a.tif", pixels.astype(dtype), byteorder=byteorder)
    read = read_image(tmp_path / "a.tif", 1)
    assert read.dtype.isnative
    assert np.array_equal(read[..., 0], pixels.astype(read.dtype))


def test_error_names_a_truncated_file(tmp_path) -> None:
    path = write(tmp_path / "a.tif", noise(3))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ImageError, match=r"a\.tif: cannot be read"):
        read_image(path)
    with pytest.raises(ImageError, match=r"a\.tif: cannot be read"):
        window(path, 3)


def test_block_cache_is_bounded(tmp_path) -> None:
    """Its default is a twentieth of the memory of the machine."""
    with open_raster(write(tmp_path / "a.tif", noise(3)), 3):
        assert rasterio.env.getenv()["GDAL_CACHEMAX"] == 64


@pytest.fixture
def _only_pillow(monkeypatch) -> None:
    """Hide the packages that read TIFF files."""
    for name in ("rasterio", "tifffile"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(raster_files, "has_raster_reader", lambda: False)


PILLOW_SUFFICES = {"gray", "gray with alpha", "RGB", "YCbCr", "alpha", "palette", "CMYK", "1 bit"}
PILLOW_SUFFICES |= {"RGB in planes", "premultiplied"}


@pytest.mark.parametrize("kind", [*KINDS, "16 bits", "nodata", "8 bands", "int8"])
def test_pillow_alone_reads_only_what_gdal_reads_alike(tmp_path, kind, request) -> None:
    path = tmp_path / "a.tif"
    options = {
        "16 bits": (3, "uint16", {"photometric": "rgb"}),
        "nodata": (1, "uint8", {"nodata": 0}),
        "8 bands": (8, "uint8", {}),
        "int8": (1, "int8", {}),
    }
    if kind in options:
        bands, dtype, more = options[kind]
        write(path, noise(bands, dtype), **more)
    else:
        KINDS[kind](path)
    expected = read_image(path) if kind in PILLOW_SUFFICES else None
    stored = read_index_mask(path) if kind in {"gray", "palette", "1 bit"} else None
    request.getfixturevalue("_only_pillow")
    if expected is None:
        for read in (read_image, read_index_mask, image_shape):
            with pytest.raises(MissingPackage, match=r"pip install .*rasterio"):
                read(path)
        return
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=2 * (kind == "YCbCr"))
    if stored is not None:
        assert np.array_equal(read_index_mask(path), stored)
