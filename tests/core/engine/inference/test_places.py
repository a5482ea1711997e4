"""Results keep the place of an image on the ground, whatever the image stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.data.orientation import turn_upright
from pluxel.core.engine.inference.saving import predict_files
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin

from ...data.image_files import exif
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


WORLD = "0.5\n0.125\n0.0625\n-0.25\n500\n900\n"
AT_CORNERS = Affine(0.5, 0.0625, 499.71875, 0.125, -0.25, 900.0625)  # half a pixel before
"""The transform of `WORLD`, which is of the centers of pixels."""


def result(net: Pipeline, path: Path, out: Path) -> tuple[Affine, np.ndarray]:
    """Return the transform and the labels of the GeoTIFF that a prediction writes."""
    predict_files(net, [path], out, ["index"])
    assert not (out / "index" / "a.png").exists()
    with rasterio.open(out / "index" / "a.tif") as file:
        return file.transform, file.read(1)


@pytest.mark.parametrize(
    ("name", "world"),
    [
        *(("a.png", end) for end in ("pgw", "PGW", "pngw", "wld")),
        *(("a.jpg", end) for end in ("jgw", "jpgw", "wld")),
        *(("a.jpeg", "jgw"), ("a.JPG", "JGW"), ("a.bmp", "bpw"), ("a.gif", "gfw")),
        *(("a.webp", "webpw"), ("a.webp", "wpw"), ("a.ppm", "pmw"), ("a.jp2", "j2w")),
    ],
)
def test_world_files_beside_other_formats_are_places(
    net: Pipeline, tmp_path: Path, name: str, world: str
) -> None:
    Image.fromarray(image(40, 60)).save(path := tmp_path / name)
    path.with_suffix(f".{world}").write_text(WORLD)
    transform, labels = result(net, path, tmp_path / "out")
    assert transform.almost_equals(AT_CORNERS)
    assert coordinates(transform, 1, 2).tolist() == [[[500, 900], [500.5, 900.125]]]
    assert np.array_equal(labels, net(path))


def coordinates(transform: Affine, height: int, width: int) -> np.ndarray:
    """Return the coordinates of the centers of all pixels, (height, width, 2)."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    return np.stack([columns, rows, np.ones_like(rows)], -1) @ np.reshape(transform, (3, 3))[:2].T


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_a_turned_image_keeps_the_place_of_each_pixel(
    net: Pipeline, tmp_path: Path, name: str, number: int
) -> None:
    path, stored = tmp_path / name, image(40, 60)
    if name == "a.tif":
        tags = [
            (274, "H", 1, number, True),
            (33550, "d", 3, (0.5, 0.25, 0), True),
            (33922, "d", 6, (0, 0, 0, 500, 900, 0), True),
        ]
        tifffile.imwrite(path, stored, photometric="rgb", extratags=tags)
        before = from_origin(500, 900, 0.5, 0.25)
    else:
        Image.fromarray(stored).save(path, exif=exif(number))
        path.with_suffix(".wld").write_text(WORLD)
        before = AT_CORNERS
    transform, labels = result(net, path, tmp_path / "out")
    assert np.array_equal(labels, net(path))
    expected = turn_upright(coordinates(before, 40, 60), number, path)
    assert np.allclose(coordinates(transform, *labels.shape), expected)


@pytest.mark.parametrize("number", [1, 3, 6, 7])
def test_ground_control_points_turn_with_the_pixels(
    net: Pipeline, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "a.tif"
    corners = [(0, 0), (60, 0), (0, 40), (60, 40)]  # columns and rows; on the ground, ten times it
    points = [value for x, y in corners for value in (x, y, 0, 10 * x, 10 * y, 0)]
    tags = [(274, "H", 1, number, True), (33922, "d", len(points), points, True)]
    tifffile.imwrite(path, image(40, 60), photometric="rgb", extratags=tags)
    predict_files(net, [path], tmp_path / "out", ["index"])
    turned = {  # column and row of each corner of the upright image
        1: [(0, 0), (60, 0), (0, 40), (60, 40)],
        3: [(60, 40), (0, 40), (60, 0), (0, 0)],
        6: [(40, 0), (40, 60), (0, 0), (0, 60)],
        7: [(40, 60), (40, 0), (0, 60), (0, 0)],
    }
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        found = [(point.col, point.row, point.x, point.y) for point in file.gcps[0]]
    assert found == [
        (*place, 10 * x, 10 * y) for place, (x, y) in zip(turned[number], corners, strict=True)
    ]


def test_a_camera_model_of_a_turned_image_is_lost_with_a_warning(
    net: Pipeline, tmp_path: Path, caplog
) -> None:
    path = tmp_path / "a.tif"
    model = [0.0, 0, 35, 45, 50, 7, 300, 35, 45, 0.1, 0.1, 500, *([0, 0, -1] + [0] * 17)]
    model += [1.0, *([0] * 19), *([0, 1] + [0] * 18), 1.0, *([0] * 19)]
    tags = [(274, "H", 1, 6, True), (50844, "d", 92, model, True)]
    tifffile.imwrite(path, image(40, 60), photometric="rgb", extratags=tags)
    predict_files(net, [path], tmp_path / "out", ["index"])
    assert [one for one in caplog.messages if "RPC" in one] == [
        f"{path}: with a camera model (RPC) and an EXIF orientation, so results have no place"
    ]
    assert np.asarray(Image.open(tmp_path / "out" / "index" / "a.png")).shape == (60, 40)


@pytest.mark.parametrize("kind", ["color", "overlay", "prob"])
def test_all_kinds_of_results_are_placed(net: Pipeline, tmp_path: Path, kind: str) -> None:
    Image.fromarray(image(40, 60)).save(path := tmp_path / "a.png")
    path.with_suffix(".pgw").write_text(WORLD)
    predict_files(net, [path], tmp_path / "out", [kind])
    with rasterio.open(tmp_path / "out" / kind / "a.tif") as file:
        assert file.transform.almost_equals(AT_CORNERS)
        assert file.shape == (40, 60)


def test_the_system_comes_from_the_description_of_gdal(net: Pipeline, tmp_path: Path) -> None:
    Image.fromarray(image(40, 60)).save(path := tmp_path / "a.png")
    system = CRS.from_epsg(32632)
    (tmp_path / "a.png.aux.xml").write_text(
        f"<PAMDataset><SRS>{system.to_wkt()}</SRS>"
        "<GeoTransform>500, 0.5, 0, 900, 0, -0.25</GeoTransform></PAMDataset>"
    )
    predict_files(net, [path], tmp_path / "out", ["index"])
    with rasterio.open(tmp_path / "out" / "index" / "a.tif") as file:
        assert file.crs == system
        assert file.transform.almost_equals(from_origin(500, 900, 0.5, 0.25))


@pytest.mark.parametrize("text", ["", "1\n2\n3\n", "0\n0\n0\n0\n5\n5\n", "1 0 0 nan 0 0", "a b"])
def test_a_damaged_world_file_is_a_warning(
    net: Pipeline, tmp_path: Path, text: str, caplog
) -> None:
    Image.fromarray(image(40, 60)).save(path := tmp_path / "a.png")
    path.with_suffix(".pgw").write_text(text)
    predict_files(net, [path], tmp_path / "out", ["index"])
    assert (tmp_path / "out" / "index" / "a.png").exists()
    assert caplog.messages == [
        f"{path}: with a world file that is not six numbers, so results have no place"
    ]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_without_the_packages_a_place_is_lost_with_a_warning(
    net: Pipeline, tmp_path: Path, name: str, caplog, monkeypatch
) -> None:
    path = tmp_path / name
    if name == "a.tif":
        write(path, image(40, 60), photometric="rgb", transform=from_origin(500, 900, 0.5, 0.25))
    else:
        Image.fromarray(image(40, 60)).save(path)
        path.with_suffix(".pgw").write_text(WORLD)
    for module in ("data.places", "data.raster_files"):
        monkeypatch.setattr(f"pluxel.core.{module}.has_raster_reader", lambda: False)
    predict_files(net, [path], tmp_path / "out", ["index"])
    assert (tmp_path / "out" / "index" / "a.png").exists()
    assert caplog.messages == [
        f"{path}: with a place on the ground, which results lose (pip install rasterio tifffile)"
    ]


def test_images_without_a_place_become_png(net: Pipeline, tmp_path: Path, caplog) -> None:
    Image.fromarray(image(40, 60)).save(tmp_path / "a.png")
    predict_files(net, [tmp_path / "a.png"], tmp_path / "out", ["index"])
    assert [path.name for path in (tmp_path / "out" / "index").iterdir()] == ["a.png"]
    assert not caplog.messages
