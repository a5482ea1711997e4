"""Pixels of masks without data are ignored: transparent, excluded by a mask, or nodata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import LabelMap, LabelSpace, Sample
from pluxel.core.data.check import check_data
from pluxel.core.data.frequencies import class_frequencies
from pluxel.core.data.images import read_binary_mask, read_index_mask, read_rgb_mask
from pluxel.core.data.samples import EvaluationData
from pluxel.core.data.survey import survey

from .image_files import palette_image
from .tiffs import write, write_with_mask

IDS = np.array([[1, 1, 2], [2, 1, 2]], np.uint8)
HIDDEN = np.array([[True, False, False], [False, False, True]])
SOLID = np.where(HIDDEN, 0, 255).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)[IDS]
RED, GREEN = 0xFF0000, 0x00FF00


def transparent_palette(path: Path) -> None:
    ids = np.where(HIDDEN, 5, IDS).astype(np.uint8)
    image = palette_image(ids)
    colors = np.zeros((256, 3), np.uint8)
    colors[[1, 2, 5]] = [255, 0, 0], [0, 255, 0], [255, 0, 0]
    image.putpalette(colors.ravel().tolist())
    image.save(path, transparency=5)


COLORED: dict[str, Callable[[Path], object]] = {
    "a.png": lambda p: Image.fromarray(np.dstack([COLORS, SOLID])).save(p),
    "a.webp": lambda p: Image.fromarray(np.dstack([COLORS, SOLID])).save(
        p, lossless=True, exact=True
    ),
    "a.tif": lambda p: write(p, np.dstack([COLORS, SOLID]), photometric="rgb", alpha="yes"),
    "mask.tif": lambda p: write_with_mask(p, COLORS, ~HIDDEN, inside=True),
    "beside.tif": lambda p: write_with_mask(p, COLORS, ~HIDDEN, inside=False),
    "palette.png": transparent_palette,
}
INDEXED: dict[str, Callable[[Path], object]] = {
    "a.png": lambda p: Image.fromarray(np.dstack([IDS, SOLID]), "LA").save(p),
    "rgba.png": lambda p: Image.fromarray(np.dstack([IDS, IDS, IDS, SOLID])).save(p),
    "a.tif": lambda p: write(p, np.dstack([IDS, SOLID]), alpha="yes"),
    "mask.tif": lambda p: write_with_mask(p, IDS[..., None], ~HIDDEN, inside=True),
    "beside.tif": lambda p: write_with_mask(p, IDS[..., None], ~HIDDEN, inside=False),
}


class One:
    """One sample: a white image, and the mask of a file."""

    def __init__(self, path: Path, colored: bool) -> None:
        self.path, self.read = path, read_rgb_mask if colored else read_index_mask
        ids = {RED: "red", GREEN: "green"} if colored else {1: "red", 2: "green"}
        self.labels = {"semantic": LabelMap(ids, packed_rgb=colored)}
        self.channels = {"image": 3}

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        image = np.full((*IDS.shape, 3), 255, np.uint8)
        return Sample(
            "a", {"image": image}, {"semantic": self.read(self.path)}, {"semantic": self.path}
        )


@pytest.mark.parametrize(
    ("name", "colored"), [*((n, True) for n in COLORED), *((n, False) for n in INDEXED)]
)
def test_transparent_pixels_are_ignored_and_reported(tmp_path, name, colored) -> None:
    (COLORED if colored else INDEXED)[name](tmp_path / name)
    dataset = One(tmp_path / name, colored)
    spaces = {"semantic": LabelSpace(dataset.labels["semantic"])}
    (item,) = [EvaluationData(dataset, spaces)[0]]
    expected = np.where(HIDDEN, 255, IDS - 1)
    assert item.targets["semantic"].tolist() == expected.tolist()
    assert class_frequencies(dataset, spaces) == {"semantic": [2, 2]}
    report = check_data({"train": dataset}, spaces)
    counts = report.splits["train"].classes["semantic"]
    assert {name: count.pixels for name, count in counts.items()} == {
        "red": 2, "green": 2, "ignore": 2
    }  # fmt: skip
    assert [finding.message for finding in report.problems] == [
        f"1 mask with transparent pixels, which are ignored; the first is {tmp_path / name}. If "
        "these pixels are a class, save the masks without transparency"
    ]


def test_nodata_of_labels_is_ignored_unless_the_label_map_lists_it(tmp_path) -> None:
    ids = np.where(HIDDEN, 200, IDS).astype(np.uint8)
    dataset = One(write(tmp_path / "a.tif", ids[..., None], nodata=200), colored=False)
    for listed, expected in (({}, 255), ({200: "rock"}, 2), ({200: "ignore"}, 255)):
        space = LabelSpace(LabelMap({1: "red", 2: "green", **listed}))
        report = check_data({"train": dataset}, {"semantic": space})
        assert not report.problems
        target = EvaluationData(dataset, {"semantic": space})[0].targets["semantic"]
        assert target.tolist() == np.where(HIDDEN, expected, IDS - 1).tolist()


def test_palette_indices_count_whatever_their_transparency(tmp_path) -> None:
    """An index is listed by the user; its color only displays it."""
    transparent_palette(tmp_path / "a.png")
    found = read_index_mask(tmp_path / "a.png")
    assert not isinstance(found, np.ma.MaskedArray)
    assert found.tolist() == np.where(HIDDEN, 5, IDS).tolist()


def test_binary_masks_may_be_transparent(tmp_path) -> None:
    gray = np.where(IDS == 2, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([gray, SOLID]), "LA").save(tmp_path / "a.png")
    found = read_binary_mask(tmp_path / "a.png")
    assert found.filled(9).tolist() == np.where(HIDDEN, 9, IDS - 1).tolist()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_survey_counts_no_class_for_them(tmp_path, name) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((*IDS.shape, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    COLORED[name](tmp_path / "masks" / name)
    found = survey(tmp_path / "images", tmp_path / "masks")
    assert found.ids == {RED: (2, 1), GREEN: (2, 1)}
    assert (found.pixels, found.transparent) == (6, 1)
