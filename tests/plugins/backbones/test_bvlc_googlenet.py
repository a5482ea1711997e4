"""GoogLeNet as in the FCN paper, against a plain forward pass with the names of Caffe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.core.contracts.normalization import CAFFE_NORMALIZATION
from pluxel.plugins.backbones.bvlc_googlenet import BVLCGoogLeNet
from pluxel.registry import PluxelError
from torch import Tensor
from torch.nn import functional

from ...core.caffe_files import write_model
from .measuring import count, meta, run


def test_it_has_the_receptive_field_the_strides_and_the_size_of_the_paper() -> None:
    backbone = meta(BVLCGoogLeNet)
    assert [spec.grid.stride[0] for spec in backbone.feature_specs] == [2, 4, 8, 16, 32]
    assert backbone.feature_specs[-1].receptive_field == (715, 715)
    assert {spec.source for spec in backbone.feature_specs} == {"computed"}
    assert count(backbone) == 5_973_552
    assert backbone.minimum_size == 31
    assert run(backbone, 224)[-1] == (1024, 7, 7)
    assert run(meta(BVLCGoogLeNet, pool_rounding="floor"), 224)[-1] == (1024, 6, 6)


def test_alignment_caffe_leaves_room_for_the_crop() -> None:
    """A deconvolution with a kernel of 63 crops one pixel; with a frame of 100, it crops 98."""
    for alignment, crop, border in (("exact", 1, "replicate"), ("caffe", 98, "zeros")):
        spec = meta(BVLCGoogLeNet, alignment=alignment).feature_specs[-1]
        assert -spec.grid.deconv(63, 32).offset[0] == crop
        assert spec.border == border


MODULES = "3a 3b pool 4a 4b 4c 4d 4e pool 5a 5b"


def plain(state: dict[str, Tensor], image: Tensor) -> Tensor:
    """The last map, computed from tensors with Caffe's names."""

    def conv(name: str, maps: Tensor, **window: int) -> Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.conv2d(maps, weight, bias, **window).relu()

    def pool(maps: Tensor) -> Tensor:
        return functional.max_pool2d(maps, 3, 2, ceil_mode=True)

    def norm(maps: Tensor) -> Tensor:
        near = functional.pad(maps.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
        return maps / (1 + 1e-4 / 5 * near) ** 0.75

    maps = norm(pool(conv("conv1/7x7_s2", image, stride=2, padding=3)))
    maps = norm(conv("conv2/3x3", conv("conv2/3x3_reduce", maps), padding=1))
    maps = pool(maps)
    for name in MODULES.split():
        if name == "pool":
            maps = pool(maps)
            continue
        own = f"inception_{name}"
        branches = [
            conv(f"{own}/1x1", maps),
            conv(f"{own}/3x3", conv(f"{own}/3x3_reduce", maps), padding=1),
            conv(f"{own}/5x5", conv(f"{own}/5x5_reduce", maps), padding=2),
            conv(f"{own}/pool_proj", functional.max_pool2d(maps, 3, 1, 1)),
        ]
        maps = torch.cat(branches, 1)
    return maps


@pytest.mark.parametrize("v1", [False, True])
@torch.no_grad()
def test_a_caffe_model_gives_the_published_function(tmp_path: Path, v1: bool) -> None:
    torch.manual_seed(0)
    source = BVLCGoogLeNet(3)
    state = {
        name.replace(".", "/", 1): 2 * value for name, value in source.state_dict().items()
    } | {"loss3/classifier.weight": torch.ones(2, 3)}
    path = write_model(tmp_path / "bvlc_googlenet.caffemodel", state, v1=v1)
    backbone = BVLCGoogLeNet(3, pretrained=path).eval()
    report = backbone.load_pretrained()
    assert report
    assert report.unexpected == ["loss3.classifier.weight"]
    assert [*report.missing, *report.mismatched] == []
    assert backbone.normalization == CAFFE_NORMALIZATION
    image = 50 * torch.randn(1, 3, 97, 66)
    expected = plain(state, image)
    found = backbone(image)[-1]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.max()))


def test_it_cannot_be_downloaded() -> None:
    with pytest.raises(PluxelError) as caught:
        meta(BVLCGoogLeNet, pretrained=True).check_pretrained()
    assert str(caught.value).splitlines()[0] == (
        "BVLCGoogLeNet's weights are published as a Caffe model only: set  "
        "pretrained: PATH/bvlc_googlenet.caffemodel"
    )
