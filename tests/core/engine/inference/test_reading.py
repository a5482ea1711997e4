"""Each file and each window is read once for any set of outputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.data import rasters
from pluxel.core.engine.inference import inputs
from pluxel.core.engine.inference.outputs import OUTPUT_KINDS
from pluxel.core.engine.inference.saving import predict_files
from pluxel.core.engine.inference.tiling import Tiling
from pluxel.core.geometry.regions import Region

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

KINDS = [kind.name for kind in OUTPUT_KINDS]


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count reads of whole files."""
    counts: Counter[str] = Counter()
    read = inputs.read_image

    def counted(path: Path, *options: object) -> np.ndarray:
        counts[path.name] += 1
        return read(path, *options)

    monkeypatch.setattr(inputs, "read_image", counted)
    return counts


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Counter[Region]:
    """Count reads of raster regions."""
    counts: Counter[Region] = Counter()
    read = rasters.Raster.read

    def counted(self: rasters.Raster, region: Region | None = None) -> np.ndarray:
        assert region is not None
        counts[region] += 1
        return read(self, region)

    monkeypatch.setattr(rasters.Raster, "read", counted)
    return counts


@pytest.mark.parametrize("tile", ["off", 256])
def test_image_is_read_once(net: Pipeline, tmp_path: Path, files: Counter[str], tile) -> None:
    pixels = image(530, 410)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    predict_files(net, [tmp_path / "a.png"], tmp_path / "out", KINDS, tile=tile)
    assert files == {"a.png": 1}
    found = net.predict(pixels, tile=tile)["semantic"]
    overlay = np.array(Image.open(tmp_path / "out" / "overlay" / "a.png"))
    assert np.array_equal(overlay, found.overlay(pixels))


def test_rotated_image_is_read_once(net: Pipeline, tmp_path: Path, files: Counter[str]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated by 90 degrees
    Image.fromarray(image(40, 60)).save(tmp_path / "a.png", exif=exif)
    predict_files(net, [tmp_path / "a.png"], tmp_path / "out", KINDS)
    assert files == {"a.png": 1}
    for kind in ("index", "color", "overlay"):
        with Image.open(tmp_path / "out" / kind / "a.png") as saved:
            assert saved.size == (40, 60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "decoder"), [("test_resnet", "fcn8s"), ("test_efficientnet_gn", "fcn32s")]
)
def test_window_is_read_once(
    tmp_path: Path, windows: Counter[Region], files: Counter[str], backbone: str, decoder: str
) -> None:
    """With halos and with blended windows."""
    net, pixels = pipeline(backbone, decoder), image(900, 530)
    source = write(tmp_path / "a.tif", pixels, photometric="rgb", **PLACE)
    predict_files(net, [source], tmp_path / "out", KINDS, tile=256)
    assert net.reach.is_finite is (backbone == "test_resnet")
    expected = Tiling.of(net.model, net.reach, 256).windows((900, 530))
    assert windows == dict.fromkeys(expected, 1)
    assert len(expected) > 4
    assert not files
    found = net.predict(pixels, tile=256)["semantic"]
    with rasterio.open(tmp_path / "out" / "overlay" / "a.tif") as file:
        assert np.array_equal(np.moveaxis(file.read(), 0, -1), found.overlay(pixels))


@pytest.mark.slow
def test_pixels_of_a_tile_are_freed_after_use(net: Pipeline) -> None:
    pixels, regions = image(900, 530), []
    for piece in net.pieces(
        lambda region: {"image": pixels[region.slices].copy()}, (900, 530), pixels=True, tile=256
    ):
        assert np.array_equal(piece.pixels["image"], pixels[piece.region.slices])
        regions.append(piece.region)
    assert sum(len(region.rows) * len(region.columns) for region in regions) == 900 * 530
    for piece in net.pieces(
        lambda region: {"image": pixels[region.slices].copy()}, (900, 530), tile=256
    ):
        assert not piece.pixels
