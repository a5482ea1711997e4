"""GoogLeNet as Caffe publishes it, without its classifiers and its average pool.

Szegedy et al.: "Going Deeper with Convolutions", CVPR 2015, table 1, as in Caffe's model
``bvlc_googlenet``: 5×5 convolutions, local response normalization, pools that round up. Long,
Shelhamer, Darrell, CVPR 2015, section 4.1, remove the auxiliary classifiers and the last pool.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn
from torch.nn import functional

from ...core import Normalization
from ...core.authoring import (
    CAFFE_NORMALIZATION,
    InputChannels,
    OutputStride,
    Pretrained,
    PretrainedBackbone,
    StateDict,
)
from ._convolutional import FRAME, Alignment, Rounding, round_pools

Widths = tuple[int, int, int, int, int, int]
"""Channels of 1×1; of 3×3, reduced and final; of 5×5, reduced and final; after the pool."""

STAGES: Sequence[tuple[str, Sequence[tuple[str, Widths]]]] = (
    (
        "inception_3b",
        (
            ("inception_3a", (64, 96, 128, 16, 32, 32)),
            ("inception_3b", (128, 128, 192, 32, 96, 64)),
        ),
    ),
    (
        "inception_4e",
        (
            ("inception_4a", (192, 96, 208, 16, 48, 64)),
            ("inception_4b", (160, 112, 224, 24, 64, 64)),
            ("inception_4c", (128, 128, 256, 24, 64, 64)),
            ("inception_4d", (112, 144, 288, 32, 64, 64)),
            ("inception_4e", (256, 160, 320, 32, 128, 128)),
        ),
    ),
    (
        "inception_5b",
        (
            ("inception_5a", (256, 160, 320, 32, 128, 128)),
            ("inception_5b", (384, 192, 384, 48, 128, 128)),
        ),
    ),
)
"""Name of each map of strides 8, 16, 32, and the modules of that stride."""


class Inception(nn.ModuleDict):
    """Four branches side by side, each followed by ReLU; names as in Caffe."""

    def __init__(self, channels: int, widths: Widths) -> None:
        one, reduce3, three, reduce5, five, pooled = widths
        super().__init__(
            {
                "1x1": nn.Conv2d(channels, one, 1),
                "3x3_reduce": nn.Conv2d(channels, reduce3, 1),
                "3x3": nn.Conv2d(reduce3, three, 3, padding=1),
                "5x5_reduce": nn.Conv2d(channels, reduce5, 1),
                "5x5": nn.Conv2d(reduce5, five, 5, padding=2),
                "pool": nn.MaxPool2d(3, 1, padding=1),
                "pool_proj": nn.Conv2d(channels, pooled, 1),
            }
        )
        self.channels = one + three + five + pooled

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (N, channels, h, w) for maps of any number of channels."""
        branches = (("1x1",), ("3x3_reduce", "3x3"), ("5x5_reduce", "5x5"), ("pool", "pool_proj"))
        return cat([self._branch(maps, names) for names in branches], dim=1)

    def _branch(self, maps: Tensor, names: Sequence[str]) -> Tensor:
        for name in names:
            maps = self[name](maps)
            if name != "pool":
                maps = functional.relu(maps, inplace=True)
        return maps


class BVLCGoogLeNet(PretrainedBackbone):
    """The last map of each stride, 2 to 32.

    Its weights are only published as a Caffe model: ``pretrained: bvlc_googlenet.caffemodel``.

    ``pool_rounding``: of sizes; ``ceil`` as in Caffe.
    ``alignment``: ``caffe`` as in the paper's release: the first convolution pads by 100 pixels,
    pools round up, and the values outside of maps and scores are zeros.
    ``output_stride``: larger strides are removed, and later filters dilated.
    ``pretrained``: a file of weights, or none.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not determine it.
    """

    variant = "bvlc_googlenet"
    caffe_file = "bvlc_googlenet.caffemodel"
    usual_normalization = CAFFE_NORMALIZATION

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: Pretrained = False,
        pool_rounding: Rounding = "ceil",
        alignment: Alignment = "exact",
        output_stride: OutputStride = None,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        caffe = alignment == "caffe"
        padding = FRAME if caffe else 3
        self.pool = nn.MaxPool2d(3, 2)
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.conv1 = nn.ModuleDict({"7x7_s2": nn.Conv2d(in_channels, 64, 7, 2, padding)})
        self.conv2 = nn.ModuleDict(
            {"3x3_reduce": nn.Conv2d(64, 64, 1), "3x3": nn.Conv2d(64, 192, 3, padding=1)}
        )
        channels = 192
        for _, modules in STAGES:
            for name, widths in modules:
                module = Inception(channels, widths)
                self.add_module(name, module)
                channels = module.channels
        round_pools(self, "ceil" if caffe else pool_rounding)
        self.finish(
            in_channels,
            ["conv1", "conv2", *(name for name, _ in STAGES)],
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            output_stride=output_stride,
            border="zeros" if caffe else "replicate",
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps of strides 2, 4, 8, 16, 32."""
        first = functional.relu(self.conv1["7x7_s2"](image), inplace=True)
        reduced = functional.relu(self.conv2["3x3_reduce"](self.norm(self.pool(first))))
        second = functional.relu(self.conv2["3x3"](reduced), inplace=True)
        maps, last = [first, second], self.norm(second)
        for _, modules in STAGES:
            last = self.pool(last)
            for name, _ in modules:
                last = self.get_submodule(name)(last)
            maps.append(last)
        return maps

    def own_names(self, state: StateDict) -> StateDict:
        """Accept Caffe's names, such as ``inception_3a/5x5_reduce.weight``."""
        return {name.replace("/", "."): value for name, value in state.items()}
