"""Pixels without data stay without data in predictions, and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from pluxel.core import LabelMap, Pipeline
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.inference.outputs import OUTPUT_KINDS
from pluxel.core.engine.inference.saving import predict_files

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

KINDS = [kind.name for kind in OUTPUT_KINDS]
SIZE = (400, 530)
HOLE = np.zeros(SIZE, bool)
HOLE[390:, 500:] = HOLE[10, 20] = HOLE[250:262, 100:300] = True
IGNORED = 65535
"""The id that the label map of the network does not use."""


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


def holed(dtype: str, value: float) -> np.ndarray:
    pixels = np.maximum(image(*SIZE, dtype), 1 if dtype.startswith("u") else 0.001)
    return np.where(HOLE[..., None], value, pixels).astype(dtype)


CASES = {
    "NaN": ("float32", np.nan, {}),
    "-9999": ("float32", -9999, {"nodata": -9999}),
    "0, uint16": ("uint16", 0, {"nodata": 0}),
    "0, uint8": ("uint8", 0, {"nodata": 0, "photometric": "rgb"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tile", ["off", 256])
def test_pixels_without_data_are_ignored_in_memory(net, tmp_path, case, tile) -> None:
    dtype, value, options = CASES[case]
    path = write(tmp_path / "a.tif", holed(dtype, value), **options)
    found = net.predict(path, tile=tile, probabilities=True)["semantic"]
    assert np.array_equal(found.mask == IGNORED, HOLE)
    assert np.array_equal(np.isnan(found.probabilities).all(0), HOLE)
    zeros = net.predict(holed(dtype, 0), tile=tile)["semantic"]
    assert np.array_equal(found.mask[~HOLE], zeros.mask[~HOLE])
    assert len(np.unique(found.mask)) > 2


@pytest.mark.parametrize("case", [*CASES, "mask", "alpha"])
@pytest.mark.parametrize("tile", ["off", 256])
def test_results_declare_them(net, tmp_path, case, tile) -> None:
    path = tmp_path / "a.tif"
    if case == "mask":
        write(path, image(*SIZE), photometric="rgb", **PLACE)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
            file.write_mask(~HOLE)
    elif case == "alpha":
        alpha = np.where(HOLE, 0, 255).astype(np.uint8)
        write(path, np.dstack([image(*SIZE), alpha]), photometric="rgb", alpha="yes", **PLACE)
    else:
        dtype, value, options = CASES[case]
        write(path, holed(dtype, value), **options, **PLACE)
    predict_files(net, [path], tmp_path / "out", KINDS, tile=tile)
    memory = net.predict(path, tile=tile)["semantic"]
    for kind in KINDS:
        with rasterio.open(tmp_path / "out" / kind / "a.tif") as file:
            assert np.array_equal(file.dataset_mask() == 0, HOLE), kind
            values = file.read()
            assert file.crs == PLACE["crs"]
            if kind == "index":
                assert file.nodata == IGNORED
                assert np.array_equal(values[0], memory.mask)
            elif kind == "prob":
                assert np.isnan(file.nodata)
                assert np.array_equal(np.isnan(values).all(0), HOLE)
    assert sorted(p.name for p in (tmp_path / "out" / "color").iterdir()) == ["a.tif"]


def test_files_that_cannot_lack_data_declare_no_value(net, tmp_path) -> None:
    path = write(tmp_path / "a.tif", image(*SIZE), photometric="rgb", **PLACE)
    predict_files(net, [path], tmp_path / "out", ["index", "color"])
    for kind in ("index", "color"):
        with rasterio.open(tmp_path / "out" / kind / "a.tif") as file:
            assert file.nodata is None
            assert file.dataset_mask().all()


def test_the_id_for_ignore_is_used_if_there_is_one(net, tmp_path) -> None:
    space = LabelSpace(LabelMap({7: "sea", 300: "land", 9: "rock", 11: "ignore"}))
    own = Pipeline(net.model, {"semantic": space}, net.channels)
    path = write(tmp_path / "a.tif", holed("float32", np.nan), **PLACE)
    predict_files(own, [path], tmp_path / "out", ["index"])
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        assert file.nodata == 11
        assert np.array_equal(file.read(1) == 11, HOLE)


def test_blended_windows_keep_them_too(tmp_path) -> None:
    net = pipeline("test_efficientnet_gn", "fcn32s")
    path = write(tmp_path / "a.tif", holed("float32", np.nan), **PLACE)
    predict_files(net, [path], tmp_path / "out", ["index"], tile=256)
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        assert np.array_equal(file.read(1) == IGNORED, HOLE)


@pytest.mark.parametrize("given", ["file", "array"])
def test_declared_encoding_holds_for_files_and_arrays(net, tmp_path, given) -> None:
    own = Pipeline(
        net.model, net.spaces, net.channels, inputs={"image": InputSpec(scale=10_000, nodata=-1)}
    )
    fractions = image(*SIZE, "float32")
    stored = np.where(HOLE[..., None], -1, fractions * 10_000).round().astype(np.int16)
    path = write(tmp_path / "a.tif", stored)
    found = own.predict(path if given == "file" else stored)["semantic"]
    assert np.array_equal(found.mask == IGNORED, HOLE)
    exact = np.where(HOLE[..., None], 0, stored / np.float32(10_000)).astype(np.float32)
    assert np.array_equal(found.mask[~HOLE], net(exact)[~HOLE])
