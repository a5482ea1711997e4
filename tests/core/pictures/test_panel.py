"""Panels and legends: each picture and each color is at its place."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pluxel.core import LabelMap, LabelSpace
from pluxel.core.pictures.legend import MOST, entries_of, legend
from pluxel.core.pictures.panel import PanelRow, message, panel
from pluxel.core.pictures.saving import data_uri, jpeg_bytes, png_bytes, save_png

SPACE = LabelSpace(
    LabelMap({0: "road", 1: "car", 9: "ignore"}, {"road": (100, 0, 0), "car": (0, 200, 0)})
)


def plain(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), (value, 0, 250), np.uint8)


def find(picture: np.ndarray, color: tuple[int, int, int]) -> tuple[slice, slice]:
    """Return the rows and columns that have a color."""
    rows, columns = np.nonzero((picture == color).all(2))
    return (
        slice(int(rows.min()), int(rows.max()) + 1),
        slice(int(columns.min()), int(columns.max()) + 1),
    )


def test_pictures_are_in_rows_and_columns() -> None:
    rows = [
        PanelRow("first", [plain(40, 50, 10), plain(40, 50, 20)]),
        PanelRow("second", [plain(30, 50, 30), plain(30, 60, 40)], ["caption", ""]),
    ]
    drawn = panel(["input", "truth"], rows)
    places = {value: find(drawn, (value, 0, 250)) for value in (10, 20, 30, 40)}
    for value, (height, width) in {10: (40, 50), 20: (40, 50), 30: (30, 50), 40: (30, 60)}.items():
        down, across = places[value]
        assert (down.stop - down.start, across.stop - across.start) == (height, width)
    assert places[10][1].start == places[30][1].start == 6
    assert places[20][1].start == places[40][1].start == 6 + 50 + 6
    assert places[10][0].start == places[20][0].start < places[30][0].start
    assert (drawn[: places[10][0].start] < 128).any()  # the titles


def test_the_legend_lists_classes_that_occur_and_ignored_pixels() -> None:
    assert entries_of(SPACE) == [("road", (100, 0, 0)), ("car", (0, 200, 0))]
    shown = [np.array([[1, 255]]), np.array([1])]
    assert entries_of(SPACE, shown) == [("car", (0, 200, 0)), ("ignore", None)]
    drawn = legend(entries_of(SPACE, shown), 300)
    down, across = find(drawn, (0, 200, 0))
    assert (down, across) == (slice(3, 15), slice(0, 12))
    assert {205, 120} <= {*np.unique(drawn).tolist()}
    assert (drawn[:, 14:] < 128).any()  # the names


def test_a_legend_of_many_classes_is_bounded() -> None:
    space = LabelSpace(LabelMap({i: f"class {i}" for i in range(150)}))
    frequent = np.repeat(np.arange(150), np.arange(150) + 1)
    entries = entries_of(space, [frequent])
    assert len(entries) == MOST + 1
    assert [name for name, _ in entries[:2]] == ["class 90", "class 91"]
    assert entries[-1][0] == "and 90 other classes"
    assert legend(entries, 500).shape[1] == 500
    assert legend(entries_of(space), 30).shape[1] == 30
    assert legend([], 30).shape == (0, 30, 3)


@pytest.mark.parametrize("size", [(240, 240), (1, 1), (20, 200)])
def test_a_message_fits_into_any_size(size: tuple[int, int]) -> None:
    drawn = message("photos/a.png: cannot be read: " + "x" * 300, size)
    assert drawn.shape == (*size, 3)
    assert drawn.max() == 232
    if size[0] > 100:
        assert drawn.min() < 100


def test_files_name_their_software_and_are_replaced(tmp_path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for _ in range(2):
        save_png(tmp_path / "new" / "a.png", picture)
    with Image.open(tmp_path / "new" / "a.png") as read:
        assert read.info["Software"] == "pluxel"
        assert np.array_equal(np.asarray(read), picture)
    assert data_uri(png_bytes(picture)).startswith("data:image/png;base64,iVBOR")
    assert data_uri(jpeg_bytes(picture)).startswith("data:image/jpeg;base64,/9j/")
    with Image.open(io.BytesIO(jpeg_bytes(plain(8, 8, 90)))) as read:
        assert np.asarray(read)[4, 4].tolist() == [90, 0, 250]
