"""AlexNet as a backbone: maps after its pools, with its classifier as convolutions.

Krizhevsky: "One weird trick for parallelizing convolutional neural networks", 2014 (the layers of
torchvision: one column, no local response normalization); converted as in Long, Shelhamer, Darrell,
PAMI 2016, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torchvision
from torch import nn

from ...core.authoring import CAFFE_NORMALIZATION
from ._convolutional import ConvolutionalClassifier


class AlexNet(ConvolutionalClassifier):
    """Maps after the three pools; the last map passes through fc6 and fc7 if ``fc`` is true.

    ``fc``: keep the classifier as 6×6 and 1×1 convolutions to 4096 channels (55 million weights).
    ``fc6_padding``: ``same`` keeps the size of pool5; ``valid`` shrinks it by 5 cells.
    ``dropout``: of single values, after fc6 and after fc7.
    ``pool_rounding``: of sizes. With ``ceil``, as in Caffe, 500×500 pixels give 10×10 valid cells.
    ``alignment``: ``caffe`` as in the paper's release: the first convolution pads by 100 pixels,
    fc6 does not pad, pools round up, and the values outside of maps and scores are zeros.
    ``output_stride``: larger strides are removed, and later filters dilated.
    ``pretrained``: ImageNet weights, none, or a file.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.
    """

    variant = "alexnet"
    weights_url = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url
    pool5 = (256, 6)
    renamed: ClassVar[Mapping[str, str]] = {
        "classifier.1.": "classifier.fc6.",
        "classifier.4.": "classifier.fc7.",
    }

    def layers(self, in_channels: int) -> nn.Sequential:
        """Return the layers up to the last pool."""
        with torch.device("meta"):  # avoid allocating the classifier's 58 million unused weights
            layers = torchvision.models.AlexNet().features
        channels = in_channels
        for index, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d):
                window = layer.kernel_size, layer.stride, layer.padding
                layers[index] = nn.Conv2d(channels, layer.out_channels, *window)  # pyright: ignore[reportArgumentType]
                channels = layer.out_channels
        return layers


class CaffeNet(AlexNet):
    """The trunk of the paper's FCN-AlexNet: Caffe's reference network, grouped as on two GPUs.

    It applies local response normalization after the pools. Its weights are only published as a
    Caffe model: ``pretrained: bvlc_reference_caffenet.caffemodel``. Its parameters are those of
    ``alexnet``.
    """

    variant = "caffenet"
    caffe_file = "bvlc_reference_caffenet.caffemodel"
    renamed: ClassVar[Mapping[str, str]] = {
        **{
            f"conv{number}.": f"features.{index}."
            for number, index in enumerate((0, 4, 8, 10, 12), 1)
        },
        "fc6.": "classifier.fc6.",
        "fc7.": "classifier.fc7.",
    }
    """Prefix of a layer in Caffe -> prefix in this module."""

    usual_normalization = CAFFE_NORMALIZATION

    def layers(self, in_channels: int) -> nn.Sequential:
        """Return the layers of CaffeNet (Jia et al. 2014) up to the last pool."""
        return nn.Sequential(
            nn.Conv2d(in_channels, 96, 11, stride=4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
