"""VGG, tapped after its pools, its classifier kept as convolutions.

Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015;
cast to a fully convolutional network as in Long, Shelhamer, Darrell, PAMI 2016, section 4.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import timm
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...core.measuring import measure
from ...core.normalisation import Normalisation
from ...core.weights import InputChannels, LoadReport, State
from ._pretrained import file_normalisation, hub_file, load_file


class VGG(nn.Module):
    """Maps after the five pools; the last one continues through fc6 and fc7 if ``fc``.

    ``fc``: keep the classifier as a 7×7 and a 1×1 convolution of 4096 channels (120 million weights).
    ``fc6_padding``: ``same`` keeps the size of pool5, ``valid`` shrinks it by 6 cells.
    ``dropout``: of single values, after fc6 and after fc7.
    ``pool_rounding``: of the pools' sizes; ``ceil`` as in Caffe loses no row at the border.
    ``pretrained``: ImageNet weights, none, or a file. ``input_channels``: how the filters of channels
    beyond the three colours start. ``normalisation``: what a file without it was trained with.
    """

    variant: ClassVar[str]

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: bool | Path = False,
        fc: bool = True,
        fc6_padding: Literal["same", "valid"] = "same",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        pool_rounding: Literal["ceil", "floor"] = "ceil",
        input_channels: InputChannels = "mean",
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        # Without the classifier, 120 million weights that would be thrown away.
        layers = timm.create_model(self.variant, in_chans=in_channels, num_classes=0, mlp_ratio=2**-12)
        self.features: nn.Sequential = layers.features  # pyright: ignore
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = pool_rounding == "ceil"
        self.fc6 = nn.Conv2d(512, 4096, 7, padding=3 if fc6_padding == "same" else 0) if fc else None
        self.fc7 = nn.Conv2d(4096, 4096, 1) if fc else None
        self.dropout = nn.Dropout(dropout)
        self._input = (in_channels, input_channels)
        self.pretrained = pretrained
        config = timm.get_pretrained_cfg(self.variant)
        self._usual = Normalisation(mean=config.mean, std=config.std)
        self._given = normalisation
        self.normalisation = normalisation or self._usual
        names = ["pool1", "pool2", "pool3", "pool4", "fc7" if fc else "pool5"]
        measured = measure(self, in_channels, names)
        self.feature_specs, self.minimum_size = measured.specs, measured.minimum_size

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (N, in_channels, H, W), normalised; five maps of strides 2 to 32."""
        maps = []
        for layer in self.features:
            image = layer(image)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(image)
        if self.fc6 is not None and self.fc7 is not None:
            hidden = self.dropout(functional.relu(self.fc6(image)))
            maps[-1] = self.dropout(functional.relu(self.fc7(hidden)))
        return maps

    def load_pretrained(self) -> LoadReport | None:
        """Load what ``pretrained`` names, and adopt the normalisation that belongs to it."""
        if self.pretrained is False:
            return None
        path = self.pretrained
        if isinstance(path, Path):
            self.normalisation = file_normalisation(path, self._given, self._usual)
        else:
            config = timm.get_pretrained_cfg(self.variant)
            path = hub_file(config.hf_hub_id, ["model.safetensors", "pytorch_model.bin"], self._usual)
        return load_file(self, path, *self._input, _as_convolutions)


CLASSIFIER = {
    "classifier.0.": "fc6.",
    "classifier.3.": "fc7.",
    "pre_logits.fc1.": "fc6.",
    "pre_logits.fc2.": "fc7.",
}
"""The fully connected layers' names in torchvision and in timm."""


def _as_convolutions(state: State) -> State:
    """Rename and reshape the classifier's layers; row-major (C, h, w) needs no transposition."""
    renamed = {}
    for name, value in state.items():
        for theirs, ours in CLASSIFIER.items():
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)  # noqa: PLW2901
                if name == "fc6.weight":
                    value = value.reshape(-1, 512, 7, 7)  # noqa: PLW2901
                elif name == "fc7.weight":
                    value = value.reshape(*value.shape[:2], 1, 1)  # noqa: PLW2901
        renamed[name] = value
    return renamed


class VGG11(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg11"


class VGG11BN(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg11_bn"


class VGG13(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg13"


class VGG13BN(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg13_bn"


class VGG16(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg16"


class VGG16BN(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg16_bn"


class VGG19(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg19"


class VGG19BN(VGG):
    __doc__ = VGG.__doc__
    variant = "vgg19_bn"
