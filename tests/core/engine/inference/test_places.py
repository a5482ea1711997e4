"""Results keep the place of an image on the ground, whatever the image stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.engine.inference.saving import predict_files
from rasterio.transform import from_origin

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

KINDS = {
    "RGB": lambda p, **place: write(p, image(40, 60), photometric="rgb", **place),
    "gray": lambda p, **place: write(p, image(40, 60)[..., :1], **place),
    "16 bits": lambda p, **place: write(p, image(40, 60, "uint16"), **place),
    "white is zero": lambda p, **place: write(
        p, image(40, 60)[..., :1], photometric="miniswhite", **place
    ),
    "1 bit": lambda p, **place: write(p, image(40, 60)[..., :1] // 128, nbits=1, **place),
    "4 bits": lambda p, **place: write(p, image(40, 60)[..., :1] // 16, nbits=4, **place),
    "premultiplied": lambda p, **place: write(
        p, np.dstack([image(40, 60), image(40, 60)[..., 0] | 1]),
        photometric="rgb", alpha="premultiplied", **place,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


@pytest.mark.parametrize("kind", [*KINDS, "palette"])
def test_place_is_kept_for_all_kinds_of_pixels(net: Pipeline, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tif"
    if kind == "palette":
        write(path, image(40, 60)[..., :1], photometric="palette", **PLACE)
        with rasterio.open(path, "r+") as file:
            file.write_colormap(1, {i: (i, 255 - i, i // 2, 255) for i in range(256)})
    else:
        KINDS[kind](path, **PLACE)
    predict_files(net, [path], tmp_path / "out", ["index"])
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        assert file.crs == PLACE["crs"]
        assert file.transform == PLACE["transform"]
        assert np.array_equal(file.read(1), net(path))


@pytest.mark.parametrize("where", ["in the file", "in a world file"])
def test_transform_without_a_system_is_a_place(net: Pipeline, tmp_path: Path, where: str) -> None:
    path, transform = tmp_path / "a.tif", from_origin(500, 900, 0.5, 0.25)
    write(path, image(40, 60), **({"transform": transform} if where == "in the file" else {}))
    if where == "in a world file":  # of the center of the first pixel
        path.with_suffix(".tfw").write_text("0.5\n0\n0\n-0.25\n500.25\n899.875\n")
    predict_files(net, [path], tmp_path / "out", ["index"])
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        assert file.transform.almost_equals(transform)


def test_file_with_an_orientation_is_predicted_upright(net: Pipeline, tmp_path: Path) -> None:
    path, tags = tmp_path / "a.tif", [(274, "H", 1, 6, True)]
    tifffile.imwrite(path, image(300, 500), photometric="rgb", extratags=tags)
    predict_files(net, [path], tmp_path / "out", ["index"], tile=256)
    mask = np.asarray(Image.open(tmp_path / "out" / "index" / "a.png"))
    assert np.array_equal(
        mask, net.predict(np.rot90(image(300, 500), -1), tile=256)["semantic"].mask
    )
