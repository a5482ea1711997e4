"""Pixels without data: found for any type and any way to mark them, and ignored in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pluxel.core import LabelMap, LabelSpace
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.offers import input_specs
from pluxel.core.data.check import check_data
from pluxel.core.data.frequencies import class_frequencies
from pluxel.core.data.images import read_image
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.rasters import open_raster
from pluxel.core.data.samples import EvaluationData, TrainingData
from pluxel.core.data.splits import open_split
from pluxel.core.geometry.regions import Region
from pluxel.plugins.datasets.folder import Folder

from .tiffs import SIZE, noise, write, write_with_mask

HOLE = np.zeros(SIZE, bool)
HOLE[60:70, 80:90] = HOLE[0, 0] = True
CORNER = Region(range(50, 70), range(70, 90))
SCALED = InputSpec(scale=10_000)


def with_hole(pixels: np.ndarray, value: float) -> np.ndarray:
    return np.where(HOLE[..., None], np.array(value, pixels.dtype), pixels)


def bands(count: int, dtype: str) -> np.ndarray:
    """Values in 1–9,999 for integers, above 0 and below 1 for floating point."""
    pixels = noise(count, "float64") * 0.98 + 0.01
    return (pixels if dtype.startswith("float") else 9_999 * pixels + 1).astype(dtype)


FILES: dict[str, tuple[Callable[[Path], object], int, InputSpec]] = {
    "NaN": (lambda p: write(p, with_hole(bands(3, "float32"), np.nan)), 3, InputSpec()),
    "infinity": (lambda p: write(p, with_hole(bands(1, "float64"), -np.inf)), 1, InputSpec()),
    "declared NaN": (
        lambda p: write(p, with_hole(bands(3, "float32"), np.nan), nodata=np.nan), 3, InputSpec()
    ),
    "-9999, floats": (
        lambda p: write(p, with_hole(bands(5, "float32"), -9999), nodata=-9999), 5, InputSpec()
    ),
    "lowest float": (
        lambda p: write(
            p, with_hole(bands(1, "float32"), np.finfo("f4").min), nodata=float(np.finfo("f4").min)
        ),
        3, InputSpec(),
    ),
    "-9999, int16": (
        lambda p: write(p, with_hole(bands(4, "int16"), -9999), nodata=-9999), 4, SCALED
    ),
    "-9999, int32": (
        lambda p: write(p, with_hole(bands(1, "int32"), -9999), nodata=-9999), 1, SCALED
    ),
    "0, uint16": (lambda p: write(p, with_hole(bands(3, "uint16"), 0), nodata=0), 3, SCALED),
    "65535, uint16": (
        lambda p: write(p, with_hole(bands(2, "uint16"), 65535), nodata=65535), 2, InputSpec()
    ),
    "255, uint8": (
        lambda p: write(p, with_hole(noise(3), 255), nodata=255, photometric="rgb"), 3, InputSpec()
    ),
    "0, uint8, gray": (
        lambda p: write(p, with_hole(noise(1) | 1, 0), nodata=0), 3, InputSpec()
    ),
    "0, white is zero": (
        lambda p: write(p, with_hole(noise(1) | 1, 0), nodata=0, photometric="miniswhite"), 3,
        InputSpec(),
    ),
    "mask inside": (lambda p: write_with_mask(p, noise(3), ~HOLE, inside=True), 3, InputSpec()),
    "mask beside": (lambda p: write_with_mask(p, noise(5), ~HOLE, inside=False), 5, InputSpec()),
    "alpha": (
        lambda p: write(
            p, np.dstack([noise(3), np.where(HOLE, 0, 200).astype(np.uint8)]),
            photometric="rgb", alpha="yes",
        ), 3, InputSpec(),
    ),
    "alpha of 16 bits": (
        lambda p: write(
            p, np.dstack([bands(3, "uint16"), np.where(HOLE, 0, 9).astype(np.uint16)]),
            photometric="rgb", alpha="yes",
        ), 3, SCALED,
    ),
    "alpha of gray": (
        lambda p: write(
            p, np.dstack([noise(1), np.where(HOLE, 0, 9).astype(np.uint8)]), alpha="yes"
        ), 1, InputSpec(),
    ),
    "option, TIFF": (
        lambda p: write(p, with_hole(bands(1, "int16"), -32768)), 1,
        InputSpec(scale=10_000, nodata=-32768),
    ),
    "option, PNG": (
        lambda p: Image.fromarray(with_hole(bands(1, "uint16"), 0)[..., 0]).save(p, format="PNG"),
        1, InputSpec(nodata=0),
    ),
    "option, npy": (
        lambda p: np.save(p.with_suffix(".npy"), with_hole(bands(2, "float32"), -1)), 2,
        InputSpec(nodata=-1),
    ),
    "npy, NaN": (
        lambda p: np.save(p.with_suffix(".npy"), with_hole(bands(2, "float64"), np.nan)), 2,
        InputSpec(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_pixels_without_data_are_masked_and_zero(tmp_path, kind) -> None:
    save, channels, encoding = FILES[kind]
    path = tmp_path / "a.tif"
    save(path)
    if not path.exists():
        path = path.with_suffix(".npy")
    found = read_image(path, channels, encoding)
    assert isinstance(found, np.ma.MaskedArray)
    assert np.array_equal(found.mask, np.repeat(HOLE[..., None], channels, 2))
    assert not found.data[HOLE].any()
    assert np.isfinite(found.data).all()
    assert found.data[~HOLE].std() > 0
    if path.suffix == ".tif" and "PNG" not in kind:
        with open_raster(path, channels, encoding) as raster:
            assert raster.may_lack_data
            part = raster.read(CORNER)
        assert np.array_equal(part.data, found.data[CORNER.slices])
        assert np.array_equal(part.mask, found.mask[CORNER.slices])


@pytest.mark.parametrize(
    ("dtype", "nodata", "encoding", "counts"),
    [
        ("uint8", 0, InputSpec(), False),
        ("uint16", 0, SCALED, False),
        ("int16", -9999, SCALED, True),
        ("float32", -9999, InputSpec(), True),
        ("float32", np.nan, InputSpec(), True),
        ("float32", 0, InputSpec(), False),
        ("uint16", 65535, SCALED, True),
    ],
)
def test_value_in_one_band_counts_if_no_measurement_has_it(
    tmp_path, dtype, nodata, encoding, counts
) -> None:
    """Black is 0 in all bands; a dark red is not black."""
    pixels = noise(3) | 1 if dtype == "uint8" else bands(3, dtype)
    pixels[2, 3, 1] = nodata
    pixels[4, 5] = nodata
    path = write(tmp_path / "a.tif", pixels, nodata=nodata)
    masked = np.argwhere(np.ma.getmaskarray(read_image(path, 3, encoding))[..., 0]).tolist()
    assert masked == ([[2, 3], [4, 5]] if counts else [[4, 5]])


def test_files_without_missing_pixels_are_plain_arrays(tmp_path) -> None:
    path = write(tmp_path / "a.tif", noise(3) | 1, nodata=0)
    assert not isinstance(read_image(path), np.ma.MaskedArray)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "float32"])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_scale_divides_any_type(tmp_path, dtype, suffix) -> None:
    """Surface reflectance may be slightly negative, or above 1."""
    stored = np.array([[0, 200, 12_345], [-30, 10_000, 7]], np.int32)
    stored = stored.clip(max(0, np.iinfo(dtype).min) if dtype[0] == "u" else None)
    stored = (stored // 100 if dtype == "uint8" else stored).astype(dtype)
    path = tmp_path / f"a{suffix}"
    np.save(path, stored) if suffix == ".npy" else write(path, stored[..., None])
    read = read_image(path, 1, SCALED)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read[..., 0], stored / 1e4, rtol=1e-6)


def test_scale_may_exceed_the_range_of_the_stored_type(tmp_path) -> None:
    """The largest float16 is 65504."""
    values = np.array([[0, 0.5, 1000, 65504]], np.float16)
    np.save(tmp_path / "a.npy", values)
    read = read_image(tmp_path / "a.npy", 1, InputSpec(scale=100_000))
    assert read.dtype == np.float32
    assert read[0, :, 0].tolist() == (values[0].astype(np.float64) / 1e5).astype("f4").tolist()


def test_scale_applies_to_stored_values_of_png(tmp_path) -> None:
    wide = (noise(3, "float64") * 9999).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), wide[..., ::-1])
    np.testing.assert_allclose(read_image(tmp_path / "a.png", 3, SCALED), wide / 1e4, rtol=1e-6)


def test_values_out_of_range_ask_for_a_scale(tmp_path) -> None:
    path = write(tmp_path / "a.tif", np.array([[[-9999], [300]]], np.int16))
    with pytest.raises(ImageError) as caught:
        read_image(path, 1)
    assert str(caught.value) == (
        f"{path}: has values from -9999 to 300, but int16 images must be in 0 to 65535. Declare "
        "the value that stands for 1 in the dataset, such as scale: 10000, and the value of "
        "missing pixels, such as nodata: -9999"
    )


class TestTraining:
    @pytest.fixture
    def dataset(self, tmp_path) -> Folder:
        """Reflectances with a hole in two files, and without in the third."""
        for name, nodata in (("a", -9999), ("b", -1), ("c", None)):
            pixels = bands(4, "int16") if nodata is None else with_hole(bands(4, "int16"), nodata)
            (tmp_path / "images").mkdir(exist_ok=True)
            write(tmp_path / "images" / f"{name}.tif", pixels, nodata=-9999)
        (tmp_path / "masks").mkdir()
        for name in "abc":
            Image.fromarray(np.full(SIZE, 3, np.uint8)).save(tmp_path / "masks" / f"{name}.png")
        return Folder(
            "all",
            root=tmp_path,
            images=Path("images"),
            masks=Path("masks"),
            classes={3: "field"},
            channels=4,
            scale=10_000,
            nodata=-1,
        )

    def test_their_labels_are_ignored(self, dataset) -> None:
        spaces = {"semantic": LabelSpace(dataset.labels["semantic"])}
        for index, hole in enumerate((HOLE, HOLE, np.zeros_like(HOLE))):
            item = EvaluationData(dataset, spaces)[index]
            assert np.array_equal(item.targets["semantic"], np.where(hole, 255, 0))
            image = item.inputs["image"]
            assert type(image) is np.ndarray
            assert image.dtype == np.float32
            assert not image[hole].any()
            assert 0 < image[~hole].min() < image.max() <= 1
        flipped = TrainingData(dataset, spaces, [{"HorizontalFlip": {"p": 1}}])
        found = [flipped[n] for n in range(3)]
        holes = [item.targets["semantic"] == 255 for item in found]
        assert sorted(int(hole.sum()) for hole in holes) == [0, HOLE.sum(), HOLE.sum()]
        for hole in holes:
            assert not hole.any() or np.array_equal(hole, HOLE[:, ::-1])

    def test_counts_leave_them_out(self, dataset) -> None:
        space = LabelSpace(dataset.labels["semantic"])
        total = 3 * HOLE.size - 2 * HOLE.sum()
        assert class_frequencies(dataset, {"semantic": space}) == {"semantic": [total]}
        report = check_data({"train": dataset}, {"semantic": space})
        assert not report.problems
        counts = report.splits["train"].classes["semantic"]
        assert {name: one.pixels for name, one in counts.items()} == {
            "field": total, "ignore": 2 * HOLE.sum()
        }  # fmt: skip

    def test_encoding_is_declared_also_by_parts(self, dataset) -> None:
        whole = open_split(lambda split: dataset, "all[:2] + all[2:]")
        assert input_specs(whole) == {"image": InputSpec(scale=10_000, nodata=-1)}


def test_plugins_may_return_masked_arrays_and_nan(toy) -> None:
    dataset = toy(2)
    hole = np.zeros((4, 6, 3), bool)
    hole[1, 2, 0] = True
    masked = np.ma.MaskedArray(np.full((4, 6, 3), 0.5, np.float32), hole)
    dataset._image = lambda index: masked if index else np.where(hole, np.nan, masked.data)
    spaces = {"semantic": LabelSpace(LabelMap({0: "ground", 1: "thing", 9: "ignore"}))}
    for index in (0, 1):
        item = EvaluationData(dataset, spaces)[index]
        assert item.targets["semantic"][1, 2] == 255
        assert (item.targets["semantic"] == 255).sum() == 2
        assert item.inputs["image"][1, 2].tolist() == [0, 0, 0]
