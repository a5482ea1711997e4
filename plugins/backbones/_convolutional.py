"""Classifiers with fully connected layers as convolutions (PAMI 2016, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core import Normalization
from ...core.authoring import (
    InputChannels,
    OutputStride,
    Pretrained,
    PretrainedBackbone,
    StateDict,
)
from .._parameters import Dropout

Padding = Literal["same", "valid"]
Rounding = Literal["ceil", "floor"]
Alignment = Literal["exact", "caffe"]
"""Alignment of maps: each on its exact grid, or as in the paper's release, which adds 100 pixels of
zeros around the image to leave room for all crops."""

FRAME = 100
"""Pixels of zeros around the image in the paper's release: the padding of conv1_1."""

HIDDEN = 4096


class Classifier(nn.Module):
    """fc6 and fc7 with ReLU and dropout, at every position.

    ``kernel``: side length of fc6's input, in cells. ``padding: same`` keeps the size of a map; an
    even kernel needs one more cell of padding at the bottom and on the right.
    """

    def __init__(self, channels: int, kernel: int, padding: Padding, dropout: float) -> None:
        super().__init__()
        before, after = (kernel - 1) // 2, kernel // 2
        self.padding = (before, after, before, after) if padding == "same" else None
        self.fc6 = nn.Conv2d(channels, HIDDEN, kernel)
        self.fc7 = nn.Conv2d(HIDDEN, HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 4096, h, w) for maps (N, channels, h, w); smaller by kernel − 1 if valid."""
        if self.padding:
            # unlike functional.pad, torch.compile can dilate it
            maps = torch.constant_pad_nd(maps, self.padding)
        hidden = self.dropout(functional.relu(self.fc6(maps), inplace=True))
        return self.dropout(functional.relu(self.fc7(hidden), inplace=True))


class ConvolutionalClassifier(PretrainedBackbone):
    """A network of convolutions and max pools, then fc6 and fc7, as a backbone.

    A subclass declares ``layers``, what ``Classifier`` needs to know about the last pool, the names
    of layers in files, and the standard pretrained weights.
    """

    pool5: ClassVar[tuple[int, int]]
    """Channels after the last pool, and the side length of fc6's input, in cells."""

    renamed: ClassVar[Mapping[str, str]]
    """Prefix of a layer in files -> prefix in this module."""

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
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        self.features = self.layers(in_channels)
        caffe = alignment == "caffe"
        if caffe:
            self.features[0].padding = (FRAME, FRAME)  # pyright: ignore[reportArgumentType]
            fc6_padding, pool_rounding = "valid", "ceil"
        round_pools(self.features, pool_rounding)
        self.classifier = Classifier(*self.pool5, fc6_padding, dropout) if fc else None
        pools = sum(isinstance(layer, nn.MaxPool2d) for layer in self.features)
        self.finish(
            in_channels,
            [*(f"pool{number}" for number in range(1, pools)), "fc7" if fc else "pool5"],
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            output_stride=output_stride,
            border="zeros" if caffe else "replicate",
        )

    def layers(self, in_channels: int) -> nn.Sequential:
        """Return the layers up to the last pool."""
        raise NotImplementedError

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps after the pools, the last one after fc7 if the network keeps it."""
        maps = []
        for layer in self.features:
            image = layer(image)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(image)
        if self.classifier is not None:
            maps[-1] = self.classifier(image)
        return maps

    def own_names(self, state: StateDict) -> StateDict:
        """Accept the names of published files."""
        return as_convolutions(state, self, self.renamed)


def as_convolutions(state: StateDict, own: nn.Module, renamed: Mapping[str, str]) -> StateDict:
    """Rename layers by prefix, and reshape fully connected weights to the convolutions of ``own``.

    Fully connected inputs are ordered (channels, rows, columns), so no transposition is needed.
    """
    shapes = {name: tensor.shape for name, tensor in own.state_dict().items()}
    result = {}
    for old, value in state.items():
        prefix = next((prefix for prefix in renamed if old.startswith(prefix)), "")
        name = renamed.get(prefix, "") + old.removeprefix(prefix)
        fits = name in shapes and shapes[name].numel() == value.numel() and prefix
        result[name] = value.reshape(shapes[name]) if fits else value
    return result


def round_pools(module: nn.Module, rounding: Rounding) -> None:
    """Set how max pools round the sizes of their results."""
    for layer in module.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = rounding == "ceil"
