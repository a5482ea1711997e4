"""Maps of four strides from a plain vision transformer.

Li, Mao, Girshick, He: "Exploring Plain Vision Transformer Backbones for Object Detection" (ViTDet),
ECCV 2022, section 3: the simple feature pyramid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, lcm
from typing import Annotated, Any

from pydantic import Field
from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn

from ...core import Normalization
from ...core.authoring import InputChannels, Pretrained
from ...registry import PluxelError
from ._timm import TimmNetwork, check_arguments, own_size

NAMES = ("quarter", "half", "whole", "double")
"""Names of the maps: their strides relative to the patch."""


_FAMILIES = (
    "beit cait convit convmixer deepseek_vit deit eva mlp_mixer naflexvit qwen3_vit tnt "
    "vision_transformer vision_transformer_hybrid vision_transformer_relpos vision_transformer_sam "
    "vitamin volo xcit"
)
FAMILIES = frozenset(_FAMILIES.split())
"""Modules of timm whose networks have maps of one stride only."""


class ViTPyramid(TimmNetwork):
    """Four maps, of a quarter, half, one and two patches, made from the last map of a timm network.

    The network is one whose maps all have the stride of its patch, with any tokens and positions:
    ViT, DeiT, BEiT, EVA, DINOv2, DINOv3, SigLIP, CLIP.

    ``model``: timm's name; a tag (``vit_base_patch14_dinov2.lvd142m``) selects particular weights.
    ``channels``: of each map.
    ``model_args``: further arguments of the timm network, except those in `INSTEAD`.
    ``pretrained``: timm's weights, none, or a file; the layers of the pyramid start at random.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.

    Raises: PluxelError if timm does not have the network, if the network does not have the
    arguments, or if its maps have several strides.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        model: str,
        channels: Annotated[int, Field(ge=1)] = 256,
        model_args: dict[str, Any] = {},  # noqa: B006 - the schema's default; never written to
        pretrained: Pretrained = False,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        check_arguments(model_args)
        self.create(in_channels, model, model_args)
        self.pyramid = _pyramid(_width(self.net, model), channels)
        self.finish(
            in_channels,
            NAMES,
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            usual=self.timms_normalization,
            own_size=own_size(model, self.arguments),
        )
        # Whole patches, also if the network drops what remains of one.
        coarsest = self.feature_specs[-1].grid.stride
        self.pad_multiple = lcm(self.pad_multiple, *map(ceil, coarsest))

    @classmethod
    def model_families(cls) -> Mapping[str, Sequence[str]]:
        """Return the names of timm's networks with one stride, by the module that defines them."""
        return {
            family: models
            for family, models in super().model_families().items()
            if family in FAMILIES
        }

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the four maps, from fine to coarse."""
        last = self.timms_maps(image)[-1]
        return [level(last) for level in self.pyramid]


def _width(net: Any, model: str) -> int:
    """Return the channels of the last map. Raises: PluxelError if maps have several strides."""
    strides = list(dict.fromkeys(net.feature_info.reduction()))
    if len(strides) > 1:
        raise PluxelError(
            f"{model!r} is not a plain transformer: its maps have strides "
            f"{', '.join(map(str, strides))}; use the backbone 'timm'"
        )
    return net.feature_info.channels()[-1]


def _pyramid(width: int, channels: int) -> nn.ModuleList:
    """Return the layers of each map, from fine to coarse, for a map of ``width`` channels.

    Transposed convolutions of 2×2 and stride 2 put the cells symmetrically into those of the patch.
    """
    half, quarter = max(1, width // 2), max(1, width // 4)
    return nn.ModuleList(
        nn.Sequential(
            *layers,
            nn.Conv2d(given, channels, 1, bias=False),
            LayerNorm2d(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            LayerNorm2d(channels),
        )
        for given, layers in (
            (
                quarter,
                (
                    nn.ConvTranspose2d(width, half, 2, 2),
                    LayerNorm2d(half),
                    nn.GELU(),
                    nn.ConvTranspose2d(half, quarter, 2, 2),
                ),
            ),
            (half, (nn.ConvTranspose2d(width, half, 2, 2),)),
            (width, ()),
            (width, (nn.MaxPool2d(2, 2, ceil_mode=True),)),
        )
    )
