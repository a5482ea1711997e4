"""What every built-in backbone owes, whichever it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import inf
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core.contracts import Backbone
from pluxel.core.tracing._probing import probe
from pluxel.core.weights import LoadReport
from pluxel.registry import Host
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

HOST = Host({"pluxel": pluxel.plugins})

# The classifiers of the old networks weigh 200 to 500 MB: here only without data, below.
TRUNK = {"fc": False}
PARAMETERS: Mapping[str, list[dict[str, Any]]] = {
    "alexnet": [TRUNK, TRUNK | {"pool_rounding": "floor"}],
    "googlenet": [{}],
    "timm": [
        {"model": name}
        for name in (
            "test_resnet",
            "test_efficientnet",
            "test_convnext",
            "test_vit",
            "test_maxvit",
            "tf_mobilenetv3_small_minimal_100",
            "resnet10t",
            "swin_s3_tiny_224",
        )
    ],
} | {c.name: [TRUNK] for c in HOST.components("backbone") if c.name.startswith("vgg")}

CASES = [
    pytest.param(c.name, parameters, id=f"{c.name} {parameters.get('model', '')}".strip())
    for c in HOST.components("backbone")
    for parameters in PARAMETERS.get(c.name, [{}])
]
every = pytest.mark.parametrize(("name", "parameters"), CASES)


def build(name: str, parameters: Mapping[str, Any], in_channels: int = 3) -> Any:
    return HOST.load(HOST.get("backbone", name))(in_channels, **parameters)


def fitting(backbone: Any, height: int, width: int) -> tuple[int, int]:
    """A size as core makes it: padded to what the backbone can take."""
    multiple, least = backbone.pad_multiple, backbone.minimum_size
    rows, columns = (-(-max(n, least) // multiple) * multiple for n in (height, width))
    return rows, columns


@every
def test_specs_say_what_the_maps_are(name: str, parameters: dict) -> None:
    backbone = build(name, parameters).eval()
    assert isinstance(backbone, Backbone)
    size = fitting(backbone, 97, 131)
    with torch.no_grad():
        maps = backbone(torch.randn(2, 3, *size))
    assert len(maps) == len(backbone.feature_specs) == len({s.name for s in backbone.feature_specs})
    for one, spec in zip(maps, backbone.feature_specs, strict=True):
        assert one.shape[:2] == (2, spec.channels)
        for axis in (0, 1):
            cells, stride, offset = (
                one.shape[axis - 2],
                spec.grid.stride[axis],
                spec.grid.offset[axis],
            )
            # The first and the last cell lie within a stride of the image's borders.
            assert -stride < offset < stride
            assert abs(offset + stride * (cells - 1) - (size[axis] - 1)) < stride


@every
def test_specs_are_what_gradients_say(name: str, parameters: dict) -> None:
    backbone = build(name, parameters)
    specs = {
        index: spec
        for index, spec in enumerate(backbone.feature_specs)
        if max(spec.receptive_field) < 220
    }
    strides = {index: spec.grid.stride for index, spec in specs.items()}
    found = probe(backbone, 3, strides, backbone.pad_multiple, lengths=[448]) if strides else {}
    for index, extents in found.items():
        assert extents is not None
        assert tuple(e.offset for e in extents) == specs[index].grid.offset
        assert tuple(e.receptive_field for e in extents) == specs[index].receptive_field


@every
@pytest.mark.parametrize("in_channels", [1, 4, 6])
def test_any_number_of_channels(name: str, parameters: dict, in_channels: int) -> None:
    backbone = build(name, parameters, in_channels).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, in_channels, *fitting(backbone, 64, 64)))
    assert [one.shape[1] for one in maps] == [spec.channels for spec in backbone.feature_specs]


@every
def test_gradients_reach_every_parameter(name: str, parameters: dict) -> None:
    backbone = build(name, parameters)
    for module in backbone.modules():  # some start the last layer of a branch at zero
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    maps = backbone(torch.randn(2, 3, *fitting(backbone, 96, 96)))
    sum(one.square().mean() for one in maps).backward()
    without = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
    # Norms of tokens after the last map, and biases that a norm takes away again.
    assert [n for n in without if not n.endswith("bias") and ".norm." not in n] == []


@every
def test_it_runs_on_a_gpu_that_is_not_there(name: str, parameters: dict) -> None:
    with FakeTensorMode(), torch.device("cuda"):
        backbone = build(name, parameters).eval()
        maps = backbone(torch.randn(1, 3, *fitting(backbone, 96, 96)))
    assert all(isinstance(one, FakeTensor) and one.device.type == "cuda" for one in maps)
    assert [s.grid for s in backbone.feature_specs] == [
        s.grid for s in build(name, parameters).feature_specs
    ]


@every
def test_weights_can_be_moved_from_one_to_another(name: str, parameters: dict) -> None:
    one, other = build(name, parameters).eval(), build(name, parameters).eval()
    image = torch.randn(1, 3, *fitting(one, 64, 64))
    other.load_state_dict(copy.deepcopy(one).state_dict())
    with torch.no_grad():
        pairs = zip(one(image), other(image), strict=True)
        assert all(torch.equal(mine, its) for mine, its in pairs)


@every
def test_building_one_reads_no_weights(name: str, parameters: dict, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a constructor must not read files or the network")

    for module, function in ((torch, "load"), (torch.hub, "download_url_to_file")):
        monkeypatch.setattr(module, function, refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    backbone = build(name, parameters | {"pretrained": True})
    assert backbone.pretrained is True
    assert build(name, parameters).load_pretrained() is None


@every
def test_a_file_of_its_own_weights_fits(name: str, parameters: dict, tmp_path) -> None:
    source = build(name, parameters)
    path = tmp_path / "weights.pth"
    torch.save(source.state_dict(), path)
    arguments = parameters | {"pretrained": path, "normalisation": source.normalisation}
    target = build(name, arguments, in_channels=4)
    report = target.load_pretrained()
    assert isinstance(report, LoadReport)
    assert not (report.missing or report.unexpected or report.mismatched)


CLASSIFIED = {"alexnet": (8, 16, 32), "vgg11": (2, 4, 8, 16, 32), "vgg16": (2, 4, 8, 16, 32)}


@pytest.mark.parametrize("name", CLASSIFIED)
def test_classifiers_become_convolutions(name: str) -> None:
    with torch.device("meta"):
        backbone = build(name, {})
        maps = backbone(torch.randn(1, 3, 97, 131))
    assert tuple(s.grid.stride[0] for s in backbone.feature_specs) == CLASSIFIED[name]
    *_, trunk = build(name, TRUNK)(torch.randn(1, 3, 97, 131))
    assert maps[-1].shape == (1, 4096, *trunk.shape[-2:])
    assert backbone.feature_specs[-1].name == "fc7"
    assert backbone.feature_specs[-1].receptive_field[0] < inf


def test_there_is_something_to_test() -> None:
    assert {"timm", "vgg16", "alexnet", "googlenet"} <= {
        c.name for c in HOST.components("backbone")
    }
