"""VGG as a backbone: maps after its pools, with its classifier as convolutions.

Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR
2015; converted to a fully convolutional network as in Long, Shelhamer, Darrell, PAMI 2016, section
4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import timm
from torch import nn

from ...core.authoring import WEIGHTS_FILES, LoadReport, StateDict, hub_file
from ._convolutional import ConvolutionalClassifier, as_convolutions


class VGG(ConvolutionalClassifier):
    """Maps after the five pools; the last map passes through fc6 and fc7 if ``fc`` is true.

    ``fc``: keep the classifier as 7×7 and 1×1 convolutions to 4096 channels (120 million weights).
    ``fc6_padding``: ``same`` keeps the size of pool5; ``valid`` shrinks it by 6 cells.
    ``dropout``: of single values, after fc6 and after fc7.
    ``pool_rounding``: of sizes. With ``ceil``, as in Caffe, pools do not lose a row at the border.
    ``alignment``: ``caffe`` is for weights of the paper's release: the first convolution pads by
    100 pixels, fc6 does not pad, pools round up, and values outside of maps and scores are zeros.
    ``output_stride``: larger strides are removed, and later filters dilated.
    ``pretrained``: ImageNet weights, none, or a file.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.
    """

    variant: ClassVar[str]  # pyright: ignore[reportIncompatibleVariableOverride]
    pool5 = (512, 7)
    renamed: ClassVar[Mapping[str, str]] = {
        "classifier.0.": "classifier.fc6.",
        "classifier.3.": "classifier.fc7.",
        "pre_logits.fc1.": "classifier.fc6.",
        "pre_logits.fc2.": "classifier.fc7.",
        "fc6.": "classifier.fc6.",
        "fc7.": "classifier.fc7.",
    }
    """The names of fc6 and fc7 in torchvision, in timm and in Caffe."""

    def layers(self, in_channels: int) -> nn.Sequential:
        """Return the layers up to the last pool."""
        # timm's own classifier is not used, so keep it small.
        whole = timm.create_model(
            self.variant, in_chans=in_channels, num_classes=0, mlp_ratio=2**-12
        )
        return whole.features  # pyright: ignore[reportReturnType]

    def own_names(self, state: StateDict) -> StateDict:
        """Accept the names of published files: of torchvision, timm and Caffe (``conv1_1``)."""
        return as_convolutions(state, self, {**self.renamed, **self._caffe_names()})

    def _caffe_names(self) -> Mapping[str, str]:
        """Return the prefix of each convolution in Caffe -> its prefix in this module."""
        block, number, names = 1, 1, {}
        for index, layer in enumerate(self.features):
            if isinstance(layer, nn.Conv2d):
                names[f"conv{block}_{number}."] = f"features.{index}."
                number += 1
            elif isinstance(layer, nn.MaxPool2d):
                block, number = block + 1, 1
        return names

    def load_usual(self) -> LoadReport:
        """Load timm's weights."""
        config = timm.get_pretrained_cfg(self.variant)
        repository = config.hf_hub_id  # pyright: ignore[reportOptionalMemberAccess]
        return self.load_file(hub_file(str(repository), WEIGHTS_FILES, self.usual))


class VGG11(VGG):
    """VGG-11 (configuration A)."""

    variant = "vgg11"


class VGG11BN(VGG):
    """VGG-11 with batch normalization."""

    variant = "vgg11_bn"


class VGG13(VGG):
    """VGG-13 (configuration B)."""

    variant = "vgg13"


class VGG13BN(VGG):
    """VGG-13 with batch normalization."""

    variant = "vgg13_bn"


class VGG16(VGG):
    """VGG-16 (configuration D), the trunk of the FCN paper's best networks."""

    variant = "vgg16"


class VGG16BN(VGG):
    """VGG-16 with batch normalization."""

    variant = "vgg16_bn"


class VGG19(VGG):
    """VGG-19 (configuration E)."""

    variant = "vgg19"


class VGG19BN(VGG):
    """VGG-19 with batch normalization."""

    variant = "vgg19_bn"
