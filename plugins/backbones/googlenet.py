"""GoogLeNet as a backbone, without its classifiers and its average pool.

Szegedy et al.: "Going Deeper with Convolutions", CVPR 2015 (the layers of torchvision: batch
normalization, 3×3 in place of 5×5 convolutions, and a last max pool of 2×2 in place of 3×3, both of
stride 2). Long, Shelhamer, Darrell, CVPR 2015, section 4.1, also remove the final average pool.
"""

from __future__ import annotations

import torchvision
from torch import Tensor, nn
from torchvision.models import GoogLeNet_Weights

from ...core import Normalization
from ...core.authoring import InputChannels, OutputStride, Pretrained, PretrainedBackbone
from ._convolutional import Rounding, round_pools

STAGES = {
    "conv1": ["conv1"],
    "conv3": ["maxpool1", "conv2", "conv3"],
    "inception3b": ["maxpool2", "inception3a", "inception3b"],
    "inception4e": ["maxpool3", *(f"inception4{letter}" for letter in "abcde")],
    "inception5b": ["maxpool4", "inception5a", "inception5b"],
}
"""The layers of each stride. The last one, with the largest receptive field, names the map."""


class GoogLeNet(PretrainedBackbone):
    """The last map of each stride, 2 to 32.

    ``pool_rounding``: of sizes; ``ceil`` as in Caffe.
    ``output_stride``: larger strides are removed, and later filters dilated.
    ``pretrained``: ImageNet weights, none, or a file.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.
    """

    variant = "googlenet"
    weights_url = GoogLeNet_Weights.IMAGENET1K_V1.url
    # torchvision's network converts ImageNet's statistics to these (transform_input).
    usual_normalization = Normalization(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: Pretrained = False,
        pool_rounding: Rounding = "ceil",
        output_stride: OutputStride = None,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        whole = torchvision.models.GoogLeNet(aux_logits=False, init_weights=False)
        for name in (layer for stage in STAGES.values() for layer in stage):
            self.add_module(name, whole.get_submodule(name))
        if in_channels != 3:
            self.get_submodule("conv1").conv = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        round_pools(self, pool_rounding)
        self.finish(
            in_channels,
            list(STAGES),
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            output_stride=output_stride,
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps of strides 2, 4, 8, 16, 32."""
        maps = []
        for layers in STAGES.values():
            for name in layers:
                image = self.get_submodule(name)(image)
            maps.append(image)
        return maps
