"""Requirements of every built-in backbone."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from functools import cache
from math import inf
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core.contracts.kinds import Backbone
from pluxel.core.geometry.tracing._probing import probe
from pluxel.core.model.weights import LoadReport
from pluxel.registry import Host
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

pytestmark = pytest.mark.slow

HOST = Host({"pluxel": pluxel.plugins})

TRUNK = {"fc": False}
PARAMETERS: Mapping[str, list[dict[str, Any]]] = {
    "alexnet": [TRUNK, TRUNK | {"pool_rounding": "floor"}],
    "googlenet": [{}],
    "vit_pyramid": [{"model": "test_vit", "channels": 8}],
    "timm": [
        {"model": name}
        for name in (
            "test_resnet",
            "test_convnext",
            "test_vit",
            "swin_s3_tiny_224",
            "tf_mobilenetv3_small_minimal_100",
        )
    ],
}

CASES = [
    pytest.param(c.name, parameters, id=f"{c.name} {parameters.get('model', '')}".strip())
    for c in HOST.components("backbone")
    for parameters in PARAMETERS.get(c.name, [{}])
]
every = pytest.mark.parametrize(("name", "parameters"), CASES)

# With data, on the CPU: one of each family, without the 500 MB of VGG's classifier.
SMALL = [
    ("alexnet", TRUNK),
    ("googlenet", {}),
    ("vgg11", TRUNK),
    *(("timm", {"model": f"test_{family}"}) for family in ("resnet", "vit")),
]
some = pytest.mark.parametrize(
    ("name", "parameters"), SMALL, ids=[p.get("model", name) for name, p in SMALL]
)


def build(name: str, parameters: Mapping[str, Any], in_channels: int = 3) -> Any:
    return HOST.load(HOST.get("backbone", name))(in_channels, **parameters)


@cache
def _without_data(name: str, parameters: str, in_channels: int) -> Any:
    with torch.device("meta"):
        return build(name, ast.literal_eval(parameters), in_channels).eval()


def without_data(name: str, parameters: Mapping[str, Any], in_channels: int = 3) -> Any:
    """A backbone on the meta device, shared by all tests; do not change it."""
    return _without_data(name, repr(parameters), in_channels)


def fitting(backbone: Any, height: int, width: int) -> tuple[int, int]:
    """A size padded as in core, to a size that the backbone accepts."""
    multiple, least = backbone.pad_multiple, backbone.minimum_size
    rows, columns = (-(-max(n, least) // multiple) * multiple for n in (height, width))
    return rows, columns


@every
@pytest.mark.parametrize("in_channels", [1, 3, 6])
def test_specs_describe_the_maps(name: str, parameters: dict, in_channels: int) -> None:
    backbone = without_data(name, parameters, in_channels)
    size = fitting(backbone, 97, 131)
    maps = backbone(torch.randn(2, in_channels, *size, device="meta"))
    assert isinstance(backbone, Backbone)
    assert len(maps) == len(backbone.feature_specs) == len({s.name for s in backbone.feature_specs})
    for one, spec in zip(maps, backbone.feature_specs, strict=True):
        assert one.shape[:2] == (2, spec.channels)
        for axis in (0, 1):
            stride, first = spec.grid.stride[axis], spec.grid.offset[axis]
            last = first + stride * (one.shape[axis - 2] - 1)
            assert -stride < first < 2 * stride  # CaffeNet's first layer does not pad
            assert abs(last - (size[axis] - 1)) < 2 * stride


@every
def test_the_smallest_size_gives_at_least_one_cell(name: str, parameters: dict) -> None:
    backbone = without_data(name, parameters)
    maps = backbone(torch.randn(1, 3, *fitting(backbone, 1, 1), device="meta"))
    assert all(min(one.shape[-2:]) >= 1 for one in maps)


@every
@pytest.mark.usefixtures("fake_gpu")
def test_it_runs_on_a_fake_gpu(name: str, parameters: dict) -> None:
    backbone = copy.deepcopy(without_data(name, parameters))
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda"):
        maps = backbone.to_empty(device="cuda")(torch.randn(1, 3, *fitting(backbone, 96, 96)))
    assert all(isinstance(one, FakeTensor) and one.device.type == "cuda" for one in maps)


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "googlenet"])
def test_it_can_be_built_under_a_fake_mode(name: str) -> None:
    with FakeTensorMode():
        fake = build(name, {})
    assert fake.feature_specs == without_data(name, {}).feature_specs


@every
def test_building_a_backbone_does_not_read_weights(
    name: str, parameters: dict, monkeypatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a constructor must not read files or the network")

    for module, function in ((torch, "load"), (torch.hub, "download_url_to_file")):
        monkeypatch.setattr(module, function, refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    with torch.device("meta"):
        assert build(name, parameters | {"pretrained": True}).pretrained is True
    assert without_data(name, parameters).load_pretrained() is None


@some
def test_weights_can_be_loaded_into_another_backbone(name: str, parameters: dict, tmp_path) -> None:
    source = build(name, parameters).eval()
    path = tmp_path / "weights.pth"
    torch.save(source.state_dict(), path)
    arguments = parameters | {"pretrained": path, "normalization": source.normalization}
    target = build(name, arguments).eval()
    report = target.load_pretrained()
    assert isinstance(report, LoadReport)
    assert [*report.missing, *report.unexpected, *report.mismatched] == []
    image = torch.randn(1, 3, *fitting(source, 48, 48))
    with torch.no_grad():
        pairs = zip(source(image), copy.deepcopy(target)(image), strict=True)
        assert all(torch.equal(mine, its) for mine, its in pairs)
    check_fourth_channel(source, build(name, arguments, in_channels=4).eval(), image)


def check_fourth_channel(three, four, image) -> None:
    """The filters of colors are those of the file, and those of the fourth channel their mean."""
    report = four.load_pretrained()
    assert [*report.missing, *report.mismatched] == []
    with torch.no_grad():
        without = four(torch.cat([image, torch.zeros_like(image[:, :1])], 1))
        gray = image.mean(1, keepdim=True)
        pairs = [*zip(three(image), without, strict=True)]
        spread = three(image + gray / 3), four(torch.cat([image, gray], 1))
        for mine, its in [*pairs, *zip(*spread, strict=True)]:
            torch.testing.assert_close(its, mine, rtol=1e-3, atol=1e-4 * mine.abs().max().item())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("alexnet", TRUNK), ("vgg11", TRUNK), ("timm", {"model": "test_resnet"})],
)
def test_specs_match_gradients(name: str, parameters: dict) -> None:
    backbone = build(name, parameters)
    specs = [s for s in backbone.feature_specs if max(s.receptive_field) < 100]
    assert specs
    strides = {index: spec.grid.stride for index, spec in enumerate(specs)}
    found = probe(backbone, 3, strides, 32, lengths=[224])
    for spec, extents in zip(specs, found.values(), strict=True):
        assert extents
        assert tuple(e.offset for e in extents) == spec.grid.offset
        assert tuple(e.receptive_field for e in extents) == spec.receptive_field


CLASSIFIED = {"alexnet": (8, 16, 32), "vgg11": (2, 4, 8, 16, 32), "vgg16": (2, 4, 8, 16, 32)}


@pytest.mark.parametrize("name", CLASSIFIED)
def test_classifiers_become_convolutions(name: str) -> None:
    backbone, trunk = without_data(name, {}), without_data(name, TRUNK)
    image = torch.randn(1, 3, 97, 131, device="meta")
    classified, pooled = backbone(image)[-1], trunk(image)[-1]
    assert tuple(s.grid.stride[0] for s in backbone.feature_specs) == CLASSIFIED[name]
    assert classified.shape == (1, 4096, *pooled.shape[-2:])
    assert backbone.feature_specs[-1].name == "fc7"
    assert backbone.feature_specs[-1].receptive_field[0] < inf


def test_there_are_backbones_to_test() -> None:
    assert {"timm", "vgg16", "alexnet", "googlenet"} <= {
        c.name for c in HOST.components("backbone")
    }
