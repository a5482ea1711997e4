"""A model or a description that states other operations than the release is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pluxel.core.engine.importing.caffe import caffe_tensors
from pluxel.registry import PluxelError
from torch import nn

from .descriptions import Layer, alexnet, as_text, described, other_name, write
from .networks import NARROW, AlexNetFCN, TorchFCN

Read = Callable[..., None]
FORMS = ["model", "v1 model", "named model", "text", "v1 text"]


@pytest.fixture(scope="module")
def vgg() -> TorchFCN:
    torch.manual_seed(0)
    return TorchFCN(8, {"": 3}, NARROW).eval()


@pytest.fixture(scope="module")
def caffenet() -> AlexNetFCN:
    torch.manual_seed(0)
    return AlexNetFCN(3, 4).eval()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a network from layers in one of the forms."""

    def run(source: nn.Module, found: list[Layer], form: str, **options) -> None:
        is_text = form.endswith("text")
        model, text = tmp_path / "a.caffemodel", tmp_path / "a.prototxt"
        is_alexnet, changes = options.get("is_alexnet", False), options.get("changes")
        write(
            model,
            source,
            found,
            connected=not is_text,
            v1=form == "v1 model",
            renamed=form != "named model",
            changes=None if is_text else changes,
            is_alexnet=is_alexnet,
        )
        if is_text:
            text.write_text(
                as_text(found, v1=form == "v1 text", changes=changes, is_alexnet=is_alexnet)
            )
        tensors = caffe_tensors(model, text if is_text else None)
        assert tensors.keys() == source.state_dict().keys()

    return run


def refused(run: Read, *arguments, **options) -> str:
    """The message without the names of files, and with the names of the release."""
    with pytest.raises(PluxelError) as caught:
        run(*arguments, **options)
    return str(caught.value).partition(": ")[2].splitlines()[0]


@pytest.mark.parametrize("form", FORMS)
def test_the_release_is_accepted(read: Read, vgg: TorchFCN, caffenet, form: str) -> None:
    read(vgg, [*described(8)], form)
    read(caffenet, [*alexnet()], form, is_alexnet=True)


VGG_CASES = [
    ("fuse_pool4", {"operation": "MAX"}, "operation MAX", "SUM"),
    ("fuse_pool3", {"operation": "PROD"}, "operation PROD", "SUM"),
    ("fuse_pool3", {"coeff": [1.0, 0.5]}, "coefficient 0.5 for score_pool3", "1"),
    ("conv1_1", {"pad": 81}, "pad 81", "100"),
    ("conv3_2", {"pad": 0}, "pad 0", "1"),
    ("conv3_2", {"pad_w": 2}, "pad 1×2", "1"),
    ("conv4_1", {"kernel_size": 5}, "kernel_size 5", "3"),
    ("conv5_1", {"dilation": 2}, "dilation 2", "1"),
    ("conv5_1", {"group": 2}, "group 2", "1"),
    ("fc6", {"pad": 3}, "pad 3", "0"),
    ("score_pool4", {"stride": 2}, "stride 2", "1"),
    ("pool2", {"pool": "AVE"}, "pool AVE", "MAX"),
    ("pool4", {"stride": 1}, "stride 1", "2"),
    ("pool5", {"kernel_size": 3}, "kernel_size 3", "2"),
    ("pool1", {"pad": 1}, "pad 1", "0"),
    ("pool1", {"round_mode": "FLOOR"}, "round_mode FLOOR", "CEIL"),
    ("upscore2", {"stride": 4}, "stride 4", "2"),
    ("upscore8", {"pad": 4}, "pad 4", "0"),
    ("relu3_1", {"negative_slope": 0.1}, "negative_slope 0.1", "0"),
]
CROPS = [
    ("score", {"offset": 34}, "offset 34", "31"),
    ("score", {"offset": [31, 34]}, "offset 31×34", "31"),
    ("score", {"axis": 3}, "axis 3", "2"),
    ("score_pool4c", {"offset": 4}, "offset 4", "5"),
    ("score_pool3c", {"offset": []}, "offset 0", "9"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "change", "value", "expected"), VGG_CASES + CROPS)
def test_other_values_are_named(
    read: Read, vgg: TorchFCN, form: str, name: str, change: dict, value: str, expected: str
) -> None:
    if form == "v1 model" and (name, change, value, expected) in CROPS:
        read(vgg, [*described(8)], form, changes={name: change})  # V1 has no values of crops
        return
    own = name if form == "named model" else other_name(name)
    assert refused(read, vgg, [*described(8)], form, changes={name: change}) == (
        f"layer {own} has {value}, but the published network has {expected}"
    )


def test_axes_may_be_counted_from_the_end(read: Read, vgg: TorchFCN) -> None:
    for form in ("model", "text"):
        read(vgg, [*described(8)], form, changes={"score": {"axis": -2}})


@pytest.mark.parametrize(
    ("name", "change", "value", "expected"),
    [
        ("norm-conv1", {"alpha": 1e-3}, "alpha 0.001", "0.0001"),
        ("norm-conv2", {"local_size": 3}, "local_size 3", "5"),
        ("norm-conv2", {"beta": 0.5}, "beta 0.5", "0.75"),
        ("norm-conv2", {"k": 2.0}, "k 2", "1"),
        ("conv1", {"stride": 2}, "stride 2", "4"),
        ("conv4", {"group": 1}, "group 1", "2"),
        ("pool-conv1", {"kernel_size": 2}, "kernel_size 2", "3"),
        ("upscore", {"kernel_size": 64}, "kernel_size 64", "63"),
        ("score", {"offset": 19}, "offset 19", "18"),
    ],
)
@pytest.mark.parametrize("form", ["model", "text"])
def test_other_values_of_alexnet_are_named(
    read: Read, caffenet, form: str, name: str, change: dict, value: str, expected: str
) -> None:
    found, changes = [*alexnet()], {name: change}
    assert refused(read, caffenet, found, form, changes=changes, is_alexnet=True) == (
        f"layer {other_name(name)} has {value}, but the published network has {expected}"
    )


def replaced(found: list[Layer], name: str, *new: Layer) -> list[Layer]:
    return [other for one in found for other in (new if one[3] == name else [one])]


RELU = ("Sigmoid", ["conv2_1"], ["conv2_1"], "sigmoid")
SKIP = ("Convolution", ["conv4_3"], ["score_pool4"], "score_pool4")
POWER = ("Power", ["data"], ["data"], "power")
FIRST = ("Convolution", ["data"], ["conv1_1"], "conv1_1")
ENDS = [("Crop", ["upscore8", "data"], ["score"], "score")]
ADDED = ("Eltwise", ["upscore2", "upscore2"], ["fuse_pool4"], "fuse_pool4")


@pytest.mark.parametrize(
    ("name", "new", "message"),
    [
        ("relu2_1", [RELU], "layer conv2_2 follows layer sigmoid (Sigmoid), but in the published "
         "network a layer of type ReLU"),
        ("relu2_1", [], "layer conv2_2 follows layer conv2_1 (Convolution), but in the published "
         "network a layer of type ReLU"),
        ("score_pool4", [SKIP], "layer score_pool4 follows layer relu4_3 (ReLU), but in the "
         "published network a layer of type Pooling"),
        ("conv1_1", [POWER, FIRST], "layer conv1_1 follows layer power (Power), but in the "
         "published network the image"),
        ("fuse_pool4", [ADDED], "layer fuse_pool4 adds upscore2 and upscore2, but the published "
         "network upscore2 and score_pool4"),
        ("score", [("Softmax", ["upscore8"], ["p"], "p")], "layer p (Softmax) follows layer "
         "upscore8, but in the published network, a crop by 31 pixels does"),
        ("score", [*ENDS, ("Power", ["score"], ["p"], "p")], "layer p (Power) changes the scores "
         "of pixels, which the published network does not"),
    ],
)  # fmt: skip
def test_other_connections_are_named(
    read: Read, vgg: TorchFCN, name: str, new: list[Layer], message: str
) -> None:
    assert refused(read, vgg, replaced([*described(8)], name, *new), "named model") == message


@pytest.mark.parametrize("form", FORMS)
def test_layers_that_change_no_scores_are_passed(read: Read, vgg: TorchFCN, form: str) -> None:
    split = ("Split", ["pool4"], ["pool4", "pool4_split"], "pool4_split")
    pool4 = next(one for one in described(8) if one[3] == "pool4")
    found = replaced([*described(8)], "pool4", pool4, split)
    read(vgg, [*found, ("Softmax", ["score"], ["p"], "p")], form)


def two_streams(stride: int = 32) -> list[Layer]:
    found: list[Layer] = []
    for suffix in ("color", "hha"):
        for kind, bottoms, tops, name in [*described(stride)][:-2]:
            own = [[f"{blob}{suffix}" for blob in one] for one in (bottoms, tops)]
            found.append((kind, *own, f"{name}{suffix}"))
    found.append(("Eltwise", ["score_frcolor", "score_frhha"], ["fused"], "fused"))
    found.append(("Deconvolution", ["fused"], ["upscore"], "upscore"))
    return [*found, ("Crop", ["upscore", "datacolor"], ["score"], "score")]


@pytest.mark.parametrize("form", ["named model", "text"])
def test_streams_are_averaged(read: Read, form: str) -> None:
    streams = {
        f"{name}{suffix}": module
        for suffix in ("color", "hha")
        for name, module in TorchFCN(32, {"": 3}, NARROW).named_children()
        if name != "upscore"
    }
    streams["upscore"] = TorchFCN(32, {"": 3}, NARROW).get_submodule("upscore")
    source = nn.ModuleDict(streams)
    first = {f"conv1_1{suffix}": {"pad": 100} for suffix in ("color", "hha")}
    heads = {f"fc6{suffix}": {"pad": 0, "kernel_size": 7} for suffix in ("color", "hha")}
    heads |= {f"fc7{suffix}": {"pad": 0, "kernel_size": 1} for suffix in ("color", "hha")}
    usual = first | heads
    halves = usual | {"fused": {"coeff": [0.5, 0.5]}}
    read(source, two_streams(), form, changes=halves)
    own = "fused" if form == "named model" else other_name("fused")
    for changes in (usual, usual | {"fused": {"coeff": [1.0, 0.5]}}):
        assert refused(read, source, two_streams(), form, changes=changes) == (
            f"layer {own} has coefficient 1 for score_frcolor, but the published network has 0.5"
        )


def test_old_crops_choose_their_own_offset(read: Read, vgg: TorchFCN, tmp_path: Path) -> None:
    write(tmp_path / "a.caffemodel", vgg, [*described(8)], connected=False)
    text = tmp_path / "a.prototxt"
    whole = as_text([*described(8)])
    text.write_text(whole.replace("crop_param { axis: 2 offset: 31 }", ""))
    assert "offset: 31" not in text.read_text()
    caffe_tensors(tmp_path / "a.caffemodel", text)


def test_a_value_that_is_no_number_is_named(tmp_path: Path, vgg: TorchFCN) -> None:
    write(tmp_path / "a.caffemodel", vgg, [*described(8)], connected=False)
    text = tmp_path / "a.prototxt"
    text.write_text(as_text([*described(8)], changes={"conv1_1": {"pad": "wide"}}))
    with pytest.raises(PluxelError) as caught:
        caffe_tensors(tmp_path / "a.caffemodel", text)
    assert str(caught.value) == (
        f"{text}: not a description of a network: layer {other_name('conv1_1')}: pad is wide, "
        "which is not a number"
    )
