"""The grids of the paper's backbones: crops, Caffe's alignment, and removed strides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pluxel.core.authoring import bilinear_kernel
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.resampling import resample
from pluxel.plugins.backbones.alexnet import AlexNet
from pluxel.plugins.backbones.googlenet import GoogLeNet
from pluxel.plugins.backbones.timm_features import TimmBackbone
from pluxel.plugins.backbones.vgg import VGG11, VGG16
from pluxel.plugins.decoders.fcn import FCN8s
from torch import Tensor, nn

from .measuring import meta, run


def test_grids_are_correct_without_padding() -> None:
    for backbone in (VGG16, AlexNet, GoogLeNet):
        built = meta(backbone)
        assert built.pad_multiple == 1
        assert all(isinstance(spec.grid, Grid) for spec in built.feature_specs)
        assert {spec.source for spec in built.feature_specs} == {"computed"}


class Release(nn.Module):
    """FCN-8s as in the paper's Caffe release: padding of 100, deconvolutions, explicit crops."""

    def __init__(self, backbone: VGG16, decoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.backbone, self.decoder, self.num_classes = backbone, decoder, num_classes

    def deconvolve(self, scores: Tensor, kernel: int, stride: int) -> Tensor:
        taps = bilinear_kernel(kernel, kernel).to(scores.dtype)
        weight = scores.new_zeros(self.num_classes, self.num_classes, kernel, kernel)
        weight[range(self.num_classes), range(self.num_classes)] = taps
        return nn.functional.conv_transpose2d(scores, weight, stride=stride)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        *_, pool3, pool4, fc7 = self.backbone.maps(image)
        skip4, skip3 = (
            layer(one) for layer, one in zip(self.decoder.skip_scores, (pool4, pool3), strict=True)
        )
        up = self.deconvolve(self.decoder.score(fc7), 4, 2)
        fused = up + skip4[..., 5 : 5 + up.shape[-2], 5 : 5 + up.shape[-1]]
        up = self.deconvolve(fused, 4, 2)
        fused = up + skip3[..., 9 : 9 + up.shape[-2], 9 : 9 + up.shape[-1]]
        return self.deconvolve(fused, 16, 8)[..., 31 : 31 + height, 31 : 31 + width]


@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["bilinear", "learned"])
@torch.no_grad()
def test_alignment_caffe_gives_the_scores_of_the_release(upsampling: str) -> None:
    torch.manual_seed(0)
    backbone = VGG16(3, alignment="caffe").eval()
    decoder = FCN8s(backbone.feature_specs, 3, upsampling=upsampling)
    for layer in (decoder.score, *decoder.skip_scores):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    image = torch.randn(1, 3, 45, 70)
    expected = Release(backbone, decoder, 3)(image)
    found = resample(decoder(backbone(image)), (45, 70))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_crops_of_the_release_follow_from_its_frame() -> None:
    """19, 27 and 31 pixels, 5 and 9 cells; 18 for AlexNet, whose kernel is 63."""
    *_, pool3, pool4, fc7 = meta(VGG16, alignment="caffe").feature_specs
    alexnet = meta(AlexNet, alignment="caffe").feature_specs[-1]
    assert {spec.border for spec in (pool3, pool4, fc7, alexnet)} == {"zeros"}
    crops = [
        -grid.deconv(kernel, stride).offset[0]
        for grid, kernel, stride in (
            (fc7.grid, 64, 32),
            (pool4.grid.crop(5), 32, 16),
            (pool3.grid.crop(9), 16, 8),
            (alexnet.grid, 63, 32),
        )
    ]
    assert crops == [19, 27, 31, 18]
    assert (fc7.grid.deconv(4, 2).offset[0] - pool4.grid.offset[0]) / 16 == 5


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [VGG16, AlexNet, GoogLeNet])
def test_strides_can_be_removed(backbone: type) -> None:
    dense = meta(backbone, output_stride=8)
    coarse = meta(backbone)
    assert [*dense.state_dict()] == [*coarse.state_dict()]
    assert max(spec.grid.stride[0] for spec in dense.feature_specs) == 8
    fields = [[s.receptive_field for s in one.feature_specs] for one in (dense, coarse)]
    assert fields[0] == fields[1]
    (_, found, _), (_, cells, _) = run(dense, 160)[-1], run(coarse, 160)[-1]
    assert 4 * (cells - 1) < found <= 4 * cells


@pytest.mark.slow
@torch.no_grad()
def test_the_dense_map_contains_the_coarse_one() -> None:
    torch.manual_seed(0)
    coarse = AlexNet(3).eval()
    dense = AlexNet(3, output_stride=8).eval()
    dense.load_state_dict(coarse.state_dict())
    image = torch.randn(1, 3, 128, 97)
    torch.testing.assert_close(
        dense(image)[-1][..., ::4, ::4], coarse(image)[-1], rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "parameters"),
    [
        (AlexNet, {}),
        (VGG11, {"fc": False}),
        *(
            (TimmBackbone, {"model": model})
            for model in ("test_resnet", "test_efficientnet", "tf_mobilenetv3_small_minimal_100")
        ),
    ],
)
@pytest.mark.usefixtures("compiles")
@torch.no_grad()
def test_a_backbone_without_strides_compiles_as_a_whole(
    backbone: type, parameters: dict[str, object]
) -> None:
    dense = backbone(3, output_stride=8, **parameters).eval()
    image = torch.randn(1, 3, 64, 80)
    torch._dynamo.reset()
    compiled: Any = torch.compile(dense, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(image), dense(image))
