"""Inputs that a pipeline accepts, and those that raise."""

import re
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from pluxel.core import LabelMap, Pipeline
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.inference.prediction import Prediction
from pluxel.registry import PluxelError
from torch import nn

from . import nets

GRAY = np.arange(24, dtype=np.uint8).reshape(4, 6)
RGB = np.dstack([GRAY] * 3)
LABELS = LabelSpace(LabelMap({7: "sea", 300: "land"}))


def pipeline(**channels: int) -> Pipeline:
    """Return a pipeline whose model has these inputs and never runs."""
    model = nn.Module()
    model.input_names = tuple(channels)  # pyright: ignore[reportAttributeAccessIssue]
    return Pipeline(model, {}, channels)  # pyright: ignore[reportArgumentType]


def test_images_in_memory_match_files(tmp_path):
    floats = Image.fromarray(np.array([[0, 0.2, 1]], np.float32))
    floats.save(tmp_path / "floats.tiff")
    reader = pipeline(image=3)
    read = [reader.read(given)["image"] for given in (floats, tmp_path / "floats.tiff")]
    fifth = float(np.float32(0.2))
    assert [array.tolist() for array in read] == [[[[0] * 3, [fifth] * 3, [1] * 3]]] * 2
    assert reader.read(Image.fromarray(GRAY))["image"].tolist() == RGB.tolist()


def test_images_without_alpha_raise_for_four_channels():
    with pytest.raises(PluxelError, match=r"^input 'image': has 3 channels \(RGB\); expected 4"):
        pipeline(image=4).read(Image.fromarray(RGB))


def test_errors_name_the_file_of_an_opened_image(tmp_path):
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(PluxelError, match=f"^{path}: cannot be read"):
        pipeline(image=3).read(image)


def test_read_only_arrays_work():
    fixed = GRAY.copy()
    fixed.setflags(write=False)
    assert pipeline(depth=1).read(fixed)["depth"].flags.writeable


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("kind", "full"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_overlays_blend_pixels_of_any_type(kind, full, channels):
    random = np.random.default_rng(0)
    shares = random.random((300, 200, channels))
    image = (full * shares).astype(kind)
    found = Prediction(LABELS, random.integers(0, 2, (300, 200)).astype(np.uint8))
    tracemalloc.start()
    overlay = found.overlay(image)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    exact = (
        0.55 * found.color
        + 0.45 * 255 * image.astype(float)[..., : max(1, channels // 3 * 3)] / full
    )
    assert overlay.dtype == np.uint8
    assert np.abs(overlay - exact).max() <= 0.5 + 1e-4
    assert most < 30 * 300 * 200, "more than two copies in float32"


def test_several_inputs_are_read_by_name():
    read = pipeline(image=3, depth=1).read({"depth": GRAY, "image": RGB})
    assert [(name, array.shape) for name, array in read.items()] == [
        ("image", (4, 6, 3)),
        ("depth", (4, 6, 1)),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            RGB,
            "the model reads image, depth: pass a mapping by these names, such as "
            "{'image': …, 'depth': …}",
        ),
        ({"image": RGB}, "the model also reads depth: pass {'image': …, 'depth': …}"),
        (
            {"image": RGB, "depht": GRAY},
            "the model has no input 'depht'; it reads image, depth. Did you mean 'depth'?",
        ),
        (
            {"image": RGB, "depth": GRAY, "hha": RGB},
            "the model has no input 'hha'; it reads image, depth.",
        ),
        (
            {"image": RGB, "depth": GRAY[:3]},
            "the inputs have different sizes (height × width): image 4×6, depth 3×6",
        ),
        (
            {"image": RGB, "depth": RGB},
            "input 'depth': has shape (4, 6, 3); expected (height, width, 1)",
        ),
    ],
)
def test_inputs_that_do_not_fit_raise(given, message):
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        pipeline(image=3, depth=1).read(given)


ACCEPTED = (
    "; expected a file, a PIL image, or a numpy array (height, width, 3) of uint8, uint16, or "
    "floats in 0–1"
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "input 'image': is an int" + ACCEPTED),
        ([RGB], "input 'image': is a list" + ACCEPTED),
        (torch.zeros(3, 4, 6), "input 'image': is a Tensor" + ACCEPTED),
        (np.zeros((4, 6, 2)), "input 'image': has shape (4, 6, 2); expected (height, width, 3)"),
        (
            np.zeros((3, 4, 6)),
            "input 'image': has shape (3, 4, 6); expected (height, width, 3): move the channels to "
            "the end, np.moveaxis(array, 0, -1)",
        ),
    ],
)
def test_other_types_and_layouts_raise(given, message):
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        nets.pipeline()(given)


@pytest.fixture(scope="module")
def two_heads() -> Pipeline:
    return nets.pipeline(heads=("semantic", "geometric"))


@pytest.mark.parametrize("tile", ["off", 512])
def test_scores_that_are_not_finite_raise(tile) -> None:
    broken = nets.pipeline()
    first = next(iter(broken.model.parameters()))
    first.data.fill_(torch.nan)
    broken.model.eval()
    message = "^head 'semantic': the scores of the network are not finite"
    with pytest.raises(PluxelError, match=message):
        broken.predict(nets.image(600, 700), tile=tile)


def test_call_returns_an_array_for_any_number_of_heads(two_heads: Pipeline) -> None:
    pixels = nets.image(40, 50)
    one = nets.pipeline()(pixels)
    assert isinstance(one, np.ndarray)
    assert one.shape == (40, 50)
    found = two_heads.predict(pixels)
    assert [*found] == ["semantic", "geometric"]
    for head, prediction in found.items():
        assert np.array_equal(two_heads(pixels, head=head), prediction.mask)
    assert np.array_equal(nets.pipeline()(pixels, head="semantic"), one)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            None,
            "the model has several heads: semantic, geometric. Name one, such as head='semantic', "
            "or call .predict(image), which returns all of them by name",
        ),
        (
            "geometrik",
            "the model has no head 'geometrik'; it has semantic, geometric. "
            "Did you mean 'geometric'?",
        ),
        (3, "the model has no head 3; it has semantic, geometric."),
        (
            ["semantic"],
            "the model has no head ['semantic']; it has semantic, geometric. "
            "Did you mean 'semantic'?",
        ),
    ],
)
def test_call_without_a_valid_head_raises(two_heads: Pipeline, head, message: str) -> None:
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        two_heads("this file is not read.png", head=head)


@pytest.mark.parametrize("run", [None, 3, b"runs/a", ["runs/a"]])
def test_a_run_that_is_not_a_path_raises(run) -> None:
    message = (
        f"a run must be the path of its folder, not {run!r}: pass the folder that pluxel train "
        "wrote"
    )
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        Pipeline.load(run)
