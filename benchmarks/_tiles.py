"""The parts of dense.py that predict large images in tiles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _peaks import peak
from pluxel.core import Pipeline
from pluxel.core.config._load import load_config
from pluxel.core.contracts.labels import LabelMap
from pluxel.core.model.blueprint import Blueprint
from pluxel.core.model.build import build_model
from pluxel.core.model.network import SegmentationModel
from pluxel.registry import Host
from torch import nn


def _fcn8s() -> SegmentationModel:
    """FCN-8s with VGG16 without fc6 and fc7, eleven classes."""
    torch.manual_seed(0)
    settings = ["backbone={type: vgg16, fc: false}", "decoder=fcn8s"]
    config = load_config("shapes_fcn8s_resnet18", settings, host=Host())
    model = build_model(config, _blueprint())
    for parameter in model.heads.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model.eval()


def _blueprint() -> Blueprint:
    labels = LabelMap({i: f"class{i}" for i in range(11)})
    return Blueprint({"image": 3}, {"semantic": labels}, {"semantic": "semantic"})


def _pipeline() -> Pipeline:
    return Pipeline(_fcn8s(), _blueprint().label_spaces(), {"image": 3})


def tiles(_rounds: int) -> None:
    """Tiles of an image of 1,500² against the whole."""
    pipeline = _pipeline()
    image = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3)).astype(np.uint8)
    whole = pipeline.predict(image, probabilities=True, tile="off")["semantic"]
    parts = pipeline.predict(image, probabilities=True, tile=512)["semantic"]
    likely, other = whole.probabilities, parts.probabilities
    assert likely is not None
    assert other is not None
    differing = whole.classes != parts.classes
    margin = np.sort(likely, 0)[-1] - np.sort(likely, 0)[-2]
    print(
        f"tiles of 512 of 1,500²: probabilities differ by {np.abs(likely - other).max():.0e} "
        f"(≤ 1e-4); {differing.sum()} labels differ, "
        f"{(differing & (margin > 1e-5)).sum()} of them without a tie (0)"
    )


def memory(_rounds: int) -> None:
    """Peak memory and multiply-adds of tiled prediction of TIFF files of three sizes.

    The tiles of 2,048² are at its corners, with a halo on two sides only.
    """
    peaks = {side: peak(f"tiff:{side}", above_inputs=False) for side in (2048, 4096, 8192)}
    tiling = _pipeline()._tiling((8192, 8192), 1536)
    assert tiling is not None
    pixels = sum(
        np.prod(tiling.window(tile, (8192, 8192)).size) for tile in tiling.tiles((8192, 8192))
    )
    more = [100 * (peaks[8192] / peaks[side] - 1) for side in (2048, 4096)]
    print(
        f"TIFF of 8,192² against 2,048² and 4,096²: peak {peaks[8192]:.0f} MiB against "
        f"{peaks[2048]:.0f} and {peaks[4096]:.0f} MiB, {more[0]:+.1f} and {more[1]:+.1f} % "
        "(within 5 %; ≤ 4,096 MiB); "
        f"{pixels / 8192**2:.2f}× the multiply-adds without halos (≤ 1.5×)"
    )


def prediction_of_tiff(side: int) -> Callable[[], object]:
    """Return the tiled prediction of a new square TIFF file."""
    from pluxel.core.engine.inference.saving import predict_files  # noqa: PLC0415

    pipeline = _pipeline()
    folder = Path(tempfile.mkdtemp())
    file, kinds = folder / "a.tif", ["index", "overlay"]
    _write_tiff(file, side)
    return lambda: predict_files(pipeline, [file], folder / "out", kinds, tile=1536)


def _write_tiff(path: Path, side: int) -> None:
    import rasterio  # noqa: PLC0415
    from rasterio.windows import Window  # noqa: PLC0415

    profile = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8"}
    random = np.random.default_rng(0)
    with (
        rasterio.Env(GDAL_CACHEMAX=64),
        rasterio.open(
            path, "w", **profile, tiled=True, photometric="rgb", crs="EPSG:32633"
        ) as file,
    ):
        for top in range(0, side, 256):
            rows = random.integers(0, 256, (3, 256, side)).astype(np.uint8)
            file.write(rows, window=Window(0, top, side, 256))  # pyright: ignore[reportCallIssue]
