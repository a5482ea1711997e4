"""The networks of the paper have as many parameters and as wide a view as it says."""

from __future__ import annotations

import pytest
from pluxel.plugins.backbones.alexnet import AlexNet, CaffeNet
from pluxel.plugins.backbones.bvlc_googlenet import BVLCGoogLeNet
from pluxel.plugins.backbones.vgg import VGG16
from pluxel.plugins.decoders.fcn import FCN8s, FCN16s, FCN32s

from ..backbones.measuring import count, meta


@pytest.mark.parametrize(
    ("backbone", "decoder", "parameters"),
    [
        (VGG16, FCN32s, 134_346_581),
        (VGG16, FCN16s, 134_357_354),
        (VGG16, FCN8s, 134_362_751),
        (CaffeNet, FCN32s, 56_954_261),
        (BVLCGoogLeNet, FCN32s, 5_995_077),
    ],
)
def test_parameters_with_21_classes(backbone: type, decoder: type, parameters: int) -> None:
    trunk = meta(backbone, alignment="caffe")
    assert count(trunk) + count(decoder(trunk.feature_specs, 21)) == parameters


@pytest.mark.parametrize(
    ("backbone", "pixels"), [(VGG16, 404), (CaffeNet, 355), (AlexNet, 355), (BVLCGoogLeNet, 715)]
)
@pytest.mark.parametrize("alignment", ["exact", "caffe"])
def test_receptive_fields(backbone: type, pixels: int, alignment: str) -> None:
    spec = meta(backbone, alignment=alignment).feature_specs[-1]
    assert spec.receptive_field == (pixels, pixels)
