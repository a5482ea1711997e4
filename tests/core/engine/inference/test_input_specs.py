"""Saved results of files with a scale and a nodata value equal those in memory."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.engine.inference.outputs import OUTPUT_KINDS
from pluxel.core.engine.inference.saving import predict_files

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

SIZE = (280, 300)
SCALE, NODATA = 10_000, 65535
HOLE = np.zeros(SIZE, bool)
HOLE[20:40, 200:290] = HOLE[270, 5] = True
IGNORED = 65535
"""The id that the label map of the network does not use."""

STORED = np.where(HOLE[..., None], NODATA, image(*SIZE, "float32") * SCALE).astype(np.uint16)
READ = np.where(HOLE[..., None], 0, STORED / np.float32(SCALE)).astype(np.float32)


@pytest.fixture(scope="module")
def net() -> Pipeline:
    plain = pipeline()
    inputs = {"image": InputSpec(scale=SCALE, nodata=NODATA)}
    return Pipeline(plain.model, plain.spaces, plain.channels, inputs=inputs)


def save(path: Path, pixels: np.ndarray, *, is_placed: bool) -> Path:
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".tif":
        write(path, pixels, **(PLACE if is_placed else {}))
    else:
        cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def saved(folder: Path, kind: str) -> np.ndarray:
    (path,) = (folder / kind).iterdir()
    if path.suffix == ".tif":
        with rasterio.open(path) as file:
            values = file.read()
            return values[0] if kind == "index" else np.moveaxis(values, 0, -1)
    if path.suffix == ".npz":
        return np.moveaxis(np.load(path)["probabilities"], 0, -1)
    return np.array(Image.open(path))


@pytest.mark.parametrize("tile", ["off", 256])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "placed.tif", "a.npy"])
def test_saved_results_equal_those_in_memory(net, tmp_path, name, tile) -> None:
    path = save(tmp_path / name, STORED, is_placed=name == "placed.tif")
    kinds = [kind.name for kind in OUTPUT_KINDS]
    assert predict_files(net, [path], tmp_path / "out", kinds, tile=tile).failed == []
    expected = net.predict(path, tile=tile, probabilities=True)["semantic"]
    plain = Pipeline(net.model, net.spaces, net.channels)
    assert np.array_equal(
        expected.mask[~HOLE], plain.predict(READ, tile=tile)["semantic"].mask[~HOLE]
    )
    assert len(np.unique(expected.mask[~HOLE])) == 3
    assert np.array_equal(saved(tmp_path / "out", "index"), expected.mask)
    assert np.array_equal(expected.mask == IGNORED, HOLE)
    assert np.array_equal(saved(tmp_path / "out", "overlay"), expected.overlay(READ))
    shares = np.moveaxis(expected.probabilities, 0, -1)
    np.testing.assert_allclose(saved(tmp_path / "out", "prob"), shares, atol=1e-3)
