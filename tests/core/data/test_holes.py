"""Pixels without data in inputs whose specification replaces them."""

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Normalization, Sample
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.images import array_input, read_image
from pluxel.core.data.missing import neutral_value
from pluxel.core.data.samples import EvaluationData

DEPTH = np.array([[0, 0, 900], [1000, 0, 2000]], np.uint16)


def read(spec: InputSpec, array: np.ndarray = DEPTH) -> np.ndarray:
    return array_input(array, array.shape[2] if array.ndim == 3 else 1, "depth", spec)


def test_depth_is_in_millimeters_and_its_holes_are_zero(tmp_path):
    Image.fromarray(DEPTH).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png", 1, InputSpec(kind="depth"))
    assert found.dtype == np.float32
    assert not isinstance(found, np.ma.MaskedArray)
    assert found[..., 0].tolist() == DEPTH.tolist()


def test_depth_of_another_unit_becomes_millimeters():
    meters = np.array([[1.5, np.nan, 0]], np.float32)
    found = read(InputSpec(kind="depth", scale=0.001), meters)
    np.testing.assert_allclose(found[..., 0], [[1500, 0, 0]])


def test_fill_takes_the_nearest_pixel_with_data():
    found = read(InputSpec(kind="depth", missing="fill"))
    assert found[..., 0].tolist() == [[1000, 900, 900], [1000, found[1, 1, 0], 2000]]
    assert found[1, 1, 0] in (1000, 2000)
    assert not read(InputSpec(kind="depth", missing="fill"), np.zeros_like(DEPTH)).any()


def test_ignored_holes_stay_masked():
    found = read(InputSpec(kind="depth", missing="ignore"))
    assert np.ma.getmaskarray(found)[..., 0].tolist() == (DEPTH == 0).tolist()


@pytest.mark.parametrize(("dtype", "mean"), [("uint8", 102), ("uint16", 26214), ("float32", 0.4)])
def test_the_mean_is_in_the_units_of_the_file(dtype, mean):
    spec = InputSpec(
        kind="map", missing="mean", nodata=0, normalization=Normalization(mean=(102,), range=255)
    )
    array = np.array([[0, 1]], dtype)
    assert read(spec, array).flatten().tolist() == pytest.approx([mean, 1])


def test_the_neutral_value_is_in_the_order_of_the_file():
    """Images are red, green, blue, however the statistics list them."""
    own = Normalization(mean=(10, 20, 30), range=255, channel_order="bgr")
    spec = InputSpec(normalization=own)
    assert neutral_value(spec, np.dtype("uint8"), 3).tolist() == [30, 20, 10]
    assert neutral_value(spec, np.dtype("uint8"), 3).dtype == np.uint8


def test_the_neutral_value_of_logarithms_is_their_exponential():
    log = Normalization(mean=(2.0,), transform="log")
    spec = InputSpec(kind="map", normalization=log, scale=1)
    np.testing.assert_allclose(neutral_value(spec, np.dtype("float32"), 2), [np.e**2] * 2)


class OneSample:
    """A dataset that returns its own arrays."""

    labels = {"semantic": LabelMap({0: "floor", 1: "wall"})}
    channels = {"image": 3, "depth": 1}

    def __init__(self, **changes):
        self.inputs = {"depth": InputSpec(kind="depth", **changes)}

    def __len__(self):
        return 1

    def __getitem__(self, index):
        depth = np.where(DEPTH == 0, np.nan, DEPTH).astype(np.float32)
        inputs = {"image": np.zeros((2, 3, 3), np.uint8), "depth": depth}
        return Sample("a", inputs, {"semantic": np.ones((2, 3), np.uint8)})


@pytest.mark.parametrize(("missing", "ignored"), [("mean", 0), ("fill", 0), ("ignore", 3)])
def test_labels_are_ignored_only_if_the_specification_says_so(missing, ignored):
    dataset = OneSample(missing=missing)
    spaces = {"semantic": LabelSpace(dataset.labels["semantic"])}
    item = EvaluationData(dataset, spaces)[0]
    assert (item.targets["semantic"] == 255).sum() == ignored
    assert (item.inputs["depth"] == 0).sum() == (0 if missing == "fill" else 3)
