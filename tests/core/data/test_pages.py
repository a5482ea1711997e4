"""Only the first page or frame of an image is read, and the log says so."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from pluxel.core.common.logs import log_once
from pluxel.core.data.images import read_image, read_index_mask, read_rgb_mask
from pluxel.core.data.pixels import ImageError

FRAMES = np.stack([np.full((8, 9, 3), value, np.uint8) for value in (10, 120, 250)])


@pytest.fixture(autouse=True)
def _a_log_of_its_own(caplog) -> None:
    log_once.cache_clear()
    caplog.set_level(logging.WARNING, "pluxel")


def write_frames(path: Path, count: int = 3) -> Path:
    if path.suffix == ".tif":
        with tifffile.TiffWriter(path) as file:
            for frame in FRAMES[:count]:
                file.write(frame, photometric="rgb")
            file.write(FRAMES[0, ::2, ::2], photometric="rgb", subfiletype=1)  # a preview
    else:
        first, *others = map(Image.fromarray, FRAMES[:count])
        first.save(path, save_all=True, append_images=others, lossless=True)
    return path


@pytest.mark.parametrize("with_gdal", [True, False])
@pytest.mark.parametrize(
    ("name", "what"), [("a.tif", "pages"), ("a.gif", "frames"), ("a.webp", "frames")]
)
def test_further_pages_are_logged_once(
    tmp_path: Path, caplog, monkeypatch, name: str, what: str, with_gdal: bool
) -> None:
    if not with_gdal:
        monkeypatch.setattr("pluxel.core.data.images.is_raster", lambda path: False)
    path = write_frames(tmp_path / name)
    for _ in range(2):
        assert (read_image(path) == FRAMES[0]).all()
    assert caplog.messages == [
        f"{path}: with more than one {what[:-1]}, of which only the first is read"
    ]


@pytest.mark.parametrize("with_gdal", [True, False])
@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp", "a.png"])
def test_single_pages_are_not_logged(
    tmp_path: Path, caplog, monkeypatch, name: str, with_gdal: bool
) -> None:
    if not with_gdal:
        monkeypatch.setattr("pluxel.core.data.images.is_raster", lambda path: False)
    read_image(write_frames(tmp_path / name, 1))
    assert not caplog.messages


def test_pages_that_are_bands_are_all_read(tmp_path: Path, caplog) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES[..., 0], photometric="minisblack")
    assert (read_image(path, 3) == np.moveaxis(FRAMES[..., 0], 0, -1)).all()
    assert not caplog.messages


def test_further_pages_of_masks_are_logged(tmp_path: Path, caplog) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES[..., 0], photometric="minisblack")
    assert (read_index_mask(path) == 10).all()
    assert caplog.messages == [f"{path}: with more than one page, of which only the first is read"]


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("read", [read_index_mask, read_rgb_mask])
def test_masks_of_bands_that_differ_are_errors(tmp_path: Path, planes, count, read) -> None:
    bands, path = np.zeros((count, 8, 9), np.uint8), tmp_path / "a.tif"
    bands[-1, 3, 4] = 1
    stored = bands if planes == "separate" else np.moveaxis(bands, 0, -1)
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planes)
    message = f"a.tif: has {count} bands that differ; a mask must have one band of ids, or be RGB"
    with pytest.raises(ImageError, match=message):
        read(path)
    bands[:] = 1
    stored = bands if planes == "separate" else np.moveaxis(bands, 0, -1)
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planes)
    assert len(np.unique(read(path))) == 1
