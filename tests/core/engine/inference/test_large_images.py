"""Predict large images in tiles: arrays, PIL images, and TIFF files by windows."""

from __future__ import annotations

import logging
import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.common.logs import log_once
from pluxel.core.engine.inference import pipeline as predict
from pluxel.core.engine.inference.saving import predict_files
from pluxel.registry import PluxelError

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

KINDS = ("index", "color", "overlay", "prob")


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(700, 600), (256, 257), (100, 1500), (1, 900)])
def test_tiles_match_the_whole_image(net: Pipeline, size: tuple[int, int], dtype: str) -> None:
    pixels = image(*size, dtype)
    whole = net.predict(pixels, probabilities=True, tile="off")["semantic"]
    parts = net.predict(pixels, probabilities=True, tile=256)["semantic"]
    assert parts.probabilities is not None
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-5)
    assert (parts.classes != whole.classes).mean() < 1e-4  # ties
    assert len(np.unique(whole.classes)) > 1
    assert set(np.unique(parts.mask)) <= {7, 300, 9}


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder",
    [
        "{type: atrous, output_stride: 8, decoder: fcn32s}",
        "{type: shift_and_stitch, factor: 2, decoder: fcn32s}",
    ],
)
def test_tiles_of_dense_decoders_match_the_whole_image(decoder: str) -> None:
    net, pixels = pipeline(decoder=decoder), image(300, 560)
    whole = net.predict(pixels, probabilities=True, tile="off")["semantic"].probabilities
    parts = net.predict(pixels, probabilities=True, tile=256)["semantic"].probabilities
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_large_images_are_tiled_by_default(net: Pipeline, monkeypatch) -> None:
    seen = []
    forward = net.model.forward
    monkeypatch.setattr(net.model, "forward", lambda x: seen.append(x["image"].shape) or forward(x))
    monkeypatch.setattr(predict, "LARGE", 600 * 600)
    monkeypatch.setattr(predict, "TILE", 256)
    net(image(600, 600))
    assert [tuple(shape[-2:]) for shape in seen] == [(600, 600)]
    seen.clear()
    net(image(901, 400))
    assert len(seen) == 2
    assert max(max(shape) for shape in seen) < 900


def test_global_layers_cause_blending_and_a_warning(caplog) -> None:
    log_once.cache_clear()
    net, pixels = pipeline("test_efficientnet_gn", "fcn32s"), image(560, 300)
    assert not net.reach.is_finite
    parts = net.predict(pixels, probabilities=True, tile=256)["semantic"].probabilities
    assert parts is not None
    np.testing.assert_allclose(parts.sum(0), 1, atol=1e-5)
    assert "tiles cannot be exact: overlapping windows are blended" in caplog.text


def test_tile_smaller_than_its_halo_raises(net: Pipeline) -> None:
    message = f"a tile of 50 pixels is smaller than its halo of {net.reach.halo} pixels"
    with pytest.raises(PluxelError, match=message):
        net.predict(image(300, 300), tile=50)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3)])
def test_empty_image_raises(net: Pipeline, shape: tuple) -> None:
    with pytest.raises(PluxelError, match=r"expected \(height, width, 3\)"):
        net.predict(np.zeros(shape, np.uint8), tile=256)


def results(folder: Path, name: str) -> dict[str, np.ndarray]:
    found = {}
    for kind in KINDS:
        with rasterio.open(folder / kind / f"{name}.tif") as file:
            found[kind] = file.read()
    return found


def test_windowed_files_match_arrays(net: Pipeline, tmp_path: Path) -> None:
    pixels = image(530, 410)
    source = write(tmp_path / "a.tif", pixels, photometric="rgb", **PLACE)
    assert predict_files(net, [source], tmp_path / "out", KINDS, tile=256).failed == []
    found = results(tmp_path / "out", "a")
    whole = net.predict(pixels, probabilities=True, tile=256)["semantic"]
    assert np.array_equal(found["index"][0], whole.mask)
    assert found["index"].dtype == np.uint16  # one id is 300
    assert np.array_equal(found["color"], np.moveaxis(whole.color, -1, 0))
    assert np.array_equal(found["overlay"], np.moveaxis(whole.overlay(pixels), -1, 0))
    assert np.array_equal(found["prob"], whole.probabilities)
    with rasterio.open(tmp_path / "out" / "prob" / "a.tif") as file:
        assert file.descriptions == ("sea", "land", "cloud")
        assert (file.crs, file.transform) == ("EPSG:32633", PLACE["transform"])


def test_small_georeferenced_files_keep_their_georeference(net: Pipeline, tmp_path: Path) -> None:
    write(tmp_path / "placed.tif", image(60, 50), photometric="rgb", **PLACE)
    write(tmp_path / "plain.tif", image(60, 50), photometric="rgb")
    predict_files(net, [tmp_path], tmp_path.parent / "out", ["index"])
    made = sorted(path.name for path in (tmp_path.parent / "out" / "index").iterdir())
    assert made == ["placed.tif", "plain.png"]


@pytest.mark.parametrize("bands", range(1, 9))
def test_band_counts_are_accepted_or_rejected(net: Pipeline, tmp_path: Path, bands: int) -> None:
    """One band is gray, three are RGB and four RGBA; other counts raise."""
    pixels = np.concatenate([image(300, 260)] * 3, 2)[..., :bands]
    alpha = {"photometric": "rgb", "alpha": "yes"} if bands == 4 else {"photometric": "minisblack"}
    write(tmp_path / "a.tif", pixels, **alpha)
    failed = predict_files(net, [tmp_path / "a.tif"], tmp_path / "out", ["index"], tile=256).failed
    taken = bands in (1, 3, 4)
    assert bool(failed) is not taken
    assert (tmp_path / "out" / "index" / "a.tif").exists() is taken


def test_truncated_file_leaves_no_partial_result(net: Pipeline, tmp_path: Path, caplog) -> None:
    source = write(tmp_path / "a.tif", image(700, 600), photometric="rgb")
    source.write_bytes(source.read_bytes()[:900_000])
    good = tmp_path / "b.png"
    Image.fromarray(image(40, 40)).save(good)
    failed = predict_files(net, [source, good], tmp_path / "out", KINDS, tile=256).failed
    assert failed == [source]
    assert "a.tif: cannot be read" in caplog.text
    made = sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert made == ["b.jpg", "b.npz", "b.png", "b.png", "b.png", "index.html"]


def test_full_disk_leaves_no_partial_result(net: Pipeline, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", image(900, 900), photometric="rgb")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(PluxelError, match=r"cannot write .*overlay/a\.tif"):
            predict_files(net, [source], tmp_path / "out", ["index", "overlay"], tile=256)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


def test_files_without_georeference_cause_no_warning(net: Pipeline, tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path / "a.tif", image(300, 300), photometric="rgb")
    caplog.clear()
    predict_files(net, [tmp_path / "a.tif"], tmp_path / "out", ["index"], tile=256)
    assert caplog.text == ""
