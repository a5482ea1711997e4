"""AlexNet, tapped after its pools, its classifier kept as convolutions.

Krizhevsky: "One weird trick for parallelizing convolutional neural networks", 2014 (the layers of
torchvision: one column, no local response normalisation); cast as in Long, Shelhamer, Darrell, PAMI
2016, section 4.1.
"""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn

from ...core.normalisation import Normalisation
from ...core.weights import InputChannels, LoadReport, State
from .._parameters import Dropout
from ._base import OutputStride, Pretrained, PretrainedBackbone
from ._convolutional import (
    FRAME,
    Alignment,
    Classifier,
    Padding,
    Rounding,
    as_convolutions,
    round_pools,
)
from ._fetch import url_file

CLASSIFIER = {"classifier.1.": "classifier.fc6.", "classifier.4.": "classifier.fc7."}
"""The names of fc6 and fc7 in torchvision."""


class AlexNet(PretrainedBackbone):
    """Maps after the three pools; the last one goes on through fc6 and fc7 if ``fc``.

    ``fc``: keep the classifier as 6×6 and 1×1 convolutions to 4096 channels (55 million weights).
    ``fc6_padding``: ``same`` keeps the size of pool5, ``valid`` shrinks it by 5 cells.
    ``dropout``: of single values, after fc6 and after fc7.
    ``pool_rounding``: of sizes; with ``ceil``, as in Caffe, 500×500 pixels give 10×10 valid cells.
    ``alignment``: ``caffe`` as in the paper's release: the first convolution pads by 100 pixels,
    fc6 by none, pools round up, and outside of maps and scores lie zeros.
    ``output_stride``: strides beyond it are taken out, later filters spread apart.
    ``pretrained``: ImageNet weights, none, or a file.
    ``input_channels``: how the filters of channels beyond the three colours start.
    ``normalisation``: what the weights of a file expect that does not say so itself.
    """

    variant = "alexnet"

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: Pretrained = False,
        fc: bool = True,
        fc6_padding: Padding = "same",
        dropout: Dropout = 0.5,
        pool_rounding: Rounding = "ceil",
        alignment: Alignment = "exact",
        output_stride: OutputStride = None,
        input_channels: InputChannels = "mean",
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        self.features = _features(in_channels)
        caffe = alignment == "caffe"
        if caffe:
            self.features[0].padding = (FRAME, FRAME)  # pyright: ignore[reportArgumentType]
            fc6_padding, pool_rounding = "valid", "ceil"
        round_pools(self.features, pool_rounding)
        self.classifier = Classifier(256, 6, fc6_padding, dropout) if fc else None
        self.finish(
            in_channels,
            ["pool1", "pool2", "fc7" if fc else "pool5"],
            pretrained=pretrained,
            input_channels=input_channels,
            normalisation=normalisation,
            usual=Normalisation(),
            output_stride=output_stride,
            border="zeros" if caffe else "replicate",
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps of strides 8, 16, 32."""
        maps = []
        for layer in self.features:
            image = layer(image)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(image)
        if self.classifier is not None:
            maps[-1] = self.classifier(image)
        return maps

    def load_usual(self) -> LoadReport:
        """Load torchvision's weights."""
        url = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url
        return self.load_file(url_file(url, self.usual))

    def own_names(self, state: State) -> State:
        """Accept the names of torchvision."""
        return as_convolutions(state, self, CLASSIFIER)


def _features(in_channels: int) -> nn.Sequential:
    with torch.device("meta"):  # the classifier of 58 million weights would be thrown away
        layers = torchvision.models.AlexNet().features
    channels = in_channels
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            window = layer.kernel_size, layer.stride, layer.padding
            layers[index] = nn.Conv2d(channels, layer.out_channels, *window)  # pyright: ignore[reportArgumentType]
            channels = layer.out_channels
    return layers
