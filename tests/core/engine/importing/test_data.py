"""The networks of SIFT Flow, NYUDv2 and PASCAL-Context: heads, streams, means and classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.core import Pipeline, load_config
from pluxel.registry import Host
from torch import Tensor

from ...caffe_files import write_model
from .conftest import agree, photograph, pixel_scores
from .networks import NARROW, TorchFCN, bilinear, caffe_input

SIFT_FLOW = (114.578, 115.294, 108.353)
NYUD = (116.190, 97.203, 92.318)
HHA = (132.431, 94.076, 118.477)
CONTEXT = (104.007, 116.669, 122.679)
SIZE = (97, 131)

pytestmark = pytest.mark.usefixtures("narrow")


def network(stride: int, heads: dict[str, int], **options) -> TorchFCN:
    torch.manual_seed(stride)
    return TorchFCN(stride, heads, NARROW, **options).eval()


def configured(tmp_path: Path) -> dict:
    pipeline = load_config(tmp_path / "run" / "config.yaml", host=Host()).pipeline
    return {"dataset": pipeline.dataset.component.name, "splits": pipeline.splits} | {
        "inputs": pipeline.dataset.params.get("inputs")
    }


@pytest.mark.parametrize("stride", [32, 16, 8])
@torch.no_grad()
def test_siftflow_has_two_heads(tmp_path: Path, importing, stride: int) -> None:
    source = network(stride, {"_sem": 33, "_geo": 3})
    path = write_model(tmp_path / "siftflow.caffemodel", source.state_dict())
    code, out, err = importing("caffe", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"FCN-{stride}s on VGG16, 33 and 3 classes of siftflow")
    image = photograph(*SIZE)
    expected = source(caffe_input(image, SIFT_FLOW))
    found = pixel_scores(tmp_path / "run", {"image": image})
    agree(found["semantic"], expected["_sem"])
    agree(found["geometric"], expected["_geo"])
    spaces = Pipeline.load(tmp_path / "run").spaces
    assert spaces["semantic"].class_names[::32] == ("awning", "window")
    assert spaces["geometric"].class_names == ("sky", "horizontal", "vertical")
    assert configured(tmp_path)["splits"] == {"train": "trainval", "val": "test"}


@pytest.mark.parametrize("stride", [32, 8])
@torch.no_grad()
def test_pascal_context_has_60_classes(tmp_path: Path, importing, stride: int) -> None:
    source = network(stride, {"": 60})
    path = write_model(tmp_path / "pascalcontext.caffemodel", source.state_dict())
    code, out, _ = importing("caffe", path)
    assert code == 0
    assert "60 classes of pascal_context" in out
    image = photograph(*SIZE)
    expected = source(caffe_input(image, CONTEXT))[""]
    agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)
    names = Pipeline.load(tmp_path / "run").spaces["semantic"].class_names
    assert (names[0], names[1], names[-1]) == ("background", "aeroplane", "wood")


@pytest.mark.parametrize(
    ("name", "arguments", "seen", "mean"),
    [
        ("nyud-fcn32s-color-heavy", [], "image", NYUD),
        ("NYUD-HHA", [], "hha", HHA),
        ("mine", ["--input", "color"], "image", NYUD),
        ("nyud-fcn32s-hha-heavy", [], "hha", HHA),
        ("mine", ["--input", "hha"], "hha", HHA),
        ("nyud-fcn32s-hha-heavy", ["--input", "color"], "image", NYUD),
    ],
)
@torch.no_grad()
def test_nyudv2_sees_color_or_hha(
    tmp_path: Path, importing, name: str, arguments: list[str], seen: str, mean: tuple
) -> None:
    source = network(32, {"": 40})
    path = write_model(tmp_path / f"{name}.caffemodel", source.state_dict())
    code, out, _ = importing("caffe", path, *arguments)
    assert code == 0
    assert "40 classes of nyudv2" in out
    assert "note:" not in out
    image = photograph(*SIZE)
    expected = source(caffe_input(image, mean, swap=seen == "image"))[""]
    agree(pixel_scores(tmp_path / "run", {seen: image})["semantic"], expected)
    expects = None if seen == "image" else ["hha"]
    assert configured(tmp_path)["inputs"] == expects


@pytest.mark.parametrize(
    ("command", "name", "overrides"),
    [
        ("caffe", "mine.caffemodel", ()),
        ("caffe", "color-or-hha.caffemodel", ()),
        ("torchfcn", "mine.pth", ()),
        ("torchfcn", "mine.pth", ("dataset={type: nyudv2, root: a, classes: 13}",)),
    ],
)
def test_an_input_that_no_name_says_is_noted(
    tmp_path: Path, importing, command: str, name: str, overrides: tuple[str, ...]
) -> None:
    state = network(32, {"": 13 if overrides else 40}).state_dict()
    if command == "caffe":
        write_model(tmp_path / name, state)
    else:
        torch.save(state, tmp_path / name)
    code, out, err = importing(command, tmp_path / name, *overrides)
    assert (code, err) == (0, "")
    assert out.splitlines()[2:] == [
        f"note: {name} does not say whether it sees color or HHA: it is taken as color; if it "
        "sees HHA, give --input hha"
    ]
    if not overrides:
        code, out, _ = importing(command, tmp_path / name, "--input", "hha", "--overwrite")
        assert (code, out.count("note:")) == (0, 0)
        assert configured(tmp_path)["inputs"] == ["hha"]


def scores_of(source: TorchFCN, image: Tensor) -> Tensor:
    return source.scores(source.features(image), "")


@torch.no_grad()
def test_nyudv2_averages_color_and_hha(tmp_path: Path, importing) -> None:
    color, hha = (network(32, {"": 40}, suffix=suffix) for suffix in ("color", "hha"))
    for parameter in hha.parameters():
        parameter.mul_(0.9)
    hha.get_submodule("upscore").load_state_dict(color.get_submodule("upscore").state_dict())
    state = {**color.state_dict(), **hha.state_dict()}
    path = write_model(tmp_path / "nyud-fcn32s-color-hha-heavy.caffemodel", state)
    code, out, _ = importing("caffe", path)
    assert code == 0
    assert out.startswith("FCN-32s on VGG16, 40 classes of nyudv2")
    image, depth = photograph(*SIZE), photograph(*SIZE, seed=1)
    fused = 0.5 * scores_of(color, caffe_input(image, NYUD))
    fused += 0.5 * scores_of(hha, caffe_input(depth, HHA, swap=False))
    whole = torch.nn.functional.conv_transpose2d(fused, bilinear(40, 64), stride=32)
    expected = whole[..., 19 : 19 + SIZE[0], 19 : 19 + SIZE[1]]
    agree(pixel_scores(tmp_path / "run", {"image": image, "hha": depth})["semantic"], expected)
    assert configured(tmp_path)["inputs"] == ["image", "hha"]


@torch.no_grad()
def test_nyudv2_sees_color_and_depth_at_once(tmp_path: Path, importing) -> None:
    source = network(32, {"": 40}, first="conv1_1_bgrd", channels=4)
    path = write_model(tmp_path / "nyud-fcn32s-color-d.caffemodel", source.state_dict())
    code, _, err = importing("caffe", path)
    assert (code, err) == (0, "")
    image = photograph(*SIZE)
    depth = 500 + 8000 * torch.rand(1, 1, *SIZE)  # millimeters
    stacked = torch.cat([caffe_input(image, NYUD), depth.log() - 7.844], 1)
    found = pixel_scores(tmp_path / "run", {"image": image, "depth": depth})
    agree(found["semantic"], source(stacked)[""])
    assert configured(tmp_path)["inputs"] == ["image", "depth"]


def test_only_nyudv2_sees_more_than_color(tmp_path: Path, importing) -> None:
    path = write_model(tmp_path / "a.caffemodel", network(32, {"": 21}).state_dict())
    code, _, err = importing("caffe", path, "--input", "hha")
    assert code == 2
    assert err.splitlines()[0] == (
        f"{path}: FCN-32s on VGG16 with 21 classes that sees hha is not a published network"
    )
