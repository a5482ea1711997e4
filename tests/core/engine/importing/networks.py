"""The published networks, written out layer by layer for comparison."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import timm.models.vgg
import torch
from pluxel.plugins.backbones import _convolutional
from pluxel.plugins.backbones.vgg import VGG16
from torch import Tensor, nn
from torch.nn import functional

BLOCKS = (2, 2, 3, 3, 3)
MEAN = (104.00699, 116.66877, 122.67892)
KERNELS = {
    "upscore": (64, 32),
    "upscore2": (4, 2),
    "upscore_pool4": (4, 2),
    "upscore16": (32, 16),
    "upscore8": (16, 8),
}
UPSAMPLED = {
    32: ["upscore"],
    16: ["upscore2", "upscore16"],
    8: ["upscore2", "upscore_pool4", "upscore8"],
}
CROPS = {32: 19, 16: 27, 8: 31}
FULL = (64, 128, 256, 512, 512, 4096)
NARROW = (4, 5, 6, 7, 8, 12)
"""Channels of the five blocks and of fc6 and fc7."""


def make_narrow(patch: pytest.MonkeyPatch) -> None:
    """Give VGG16 few channels, so that tests are fast."""
    blocks = zip(NARROW, BLOCKS, strict=False)
    layers = [layer for width, count in blocks for layer in [*[width] * count, "M"]]
    patch.setitem(timm.models.vgg.cfgs, "vgg16", layers)
    patch.setattr(_convolutional, "HIDDEN", NARROW[5])
    patch.setattr(VGG16, "pool5", (NARROW[4], 7))


def bilinear(classes: int, size: int) -> Tensor:
    """The dense weight of surgery: every class upsampled alone."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    taps = torch.tensor([1 - abs(i - center) / factor for i in range(size)])
    weight = torch.zeros(classes, classes, size, size)
    weight[range(classes), range(classes)] = taps[:, None] * taps
    return weight


class TorchFCN(nn.Module):
    """FCN on VGG16 with random weights; ``forward`` takes blue, green, red minus their means.

    ``scales``: factors on pool4 and pool3. ``heads``: suffix -> classes. ``suffix``: of the trunk.
    ``first``: name of the first layer. ``channels``: that it sees.
    """

    def __init__(
        self,
        stride: int,
        heads: dict[str, int],
        widths: Sequence[int] = FULL,
        scales: tuple[float, float] = (1, 1),
        suffix: str = "",
        first: str = "conv1_1",
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.stride, self.heads, self.scales, self.suffix = stride, heads, scales, suffix
        self.first = first
        for block, count in enumerate(BLOCKS, 1):
            for number in range(1, count + 1):
                padding = 100 if (block, number) == (1, 1) else 1
                conv = nn.Conv2d(channels, widths[block - 1], 3, padding=padding)
                self.add_module(self.convolution(block, number), conv)
                channels = widths[block - 1]
        self.add_module(f"fc6{suffix}", nn.Conv2d(channels, widths[5], 7))
        self.add_module(f"fc7{suffix}", nn.Conv2d(widths[5], widths[5], 1))
        for head, classes in heads.items():
            self.add_module(f"score_fr{head}{suffix}", nn.Conv2d(widths[5], classes, 1))
            if stride <= 16:
                self.add_module(f"score_pool4{head}", nn.Conv2d(widths[3], classes, 1))
            if stride == 8:
                self.add_module(f"score_pool3{head}", nn.Conv2d(widths[2], classes, 1))
            for name in UPSAMPLED[stride]:
                size, step = KERNELS[name]
                layer = nn.ConvTranspose2d(classes, classes, size, step, bias=False)
                layer.weight.data.copy_(bilinear(classes, size))
                self.add_module(f"{name}{head}", layer)
        for name, parameter in self.named_parameters():
            if name.startswith(("conv", "fc", "score")):
                gain = 2 / max(1, parameter[0].numel())
                spread = 0.1 if parameter.ndim == 1 else gain**0.5
                nn.init.normal_(parameter, std=spread)

    def convolution(self, block: int, number: int) -> str:
        name = self.first if (block, number) == (1, 1) else f"conv{block}_{number}"
        return name + self.suffix

    def layer(self, name: str) -> nn.Module:
        return self.get_submodule(name)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        maps, found = image, {}
        for block, count in enumerate(BLOCKS, 1):
            for number in range(1, count + 1):
                maps = self.layer(self.convolution(block, number))(maps).relu()
            maps = functional.max_pool2d(maps, 2, 2, ceil_mode=True)
            found[f"pool{block}"] = maps
        for name in ("fc6", "fc7"):
            maps = self.layer(f"{name}{self.suffix}")(maps).relu()
        return found | {"fc7": maps}

    def scores(self, maps: dict[str, Tensor], head: str) -> Tensor:
        scores = self.layer(f"score_fr{head}{self.suffix}")(maps["fc7"])
        skips = (("pool4", 5), ("pool3", 9))
        for name, (skip, crop), scale in zip(
            UPSAMPLED[self.stride], skips, self.scales, strict=False
        ):
            if name in ("upscore", "upscore16", "upscore8"):
                break
            scores = self.layer(f"{name}{head}")(scores)
            own = self.layer(f"score_{skip}{head}")(scale * maps[skip])
            rows, columns = scores.shape[-2:]
            scores = scores + own[..., crop : crop + rows, crop : crop + columns]
        return scores

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Scores of every pixel by suffix of the head."""
        height, width = image.shape[-2:]
        maps, crop, found = self.features(image), CROPS[self.stride], {}
        for head in self.heads:
            whole = self.layer(f"{UPSAMPLED[self.stride][-1]}{head}")(self.scores(maps, head))
            found[head] = whole[..., crop : crop + height, crop : crop + width]
        return found


class AlexNetFCN(nn.Module):
    """FCN on Caffe's AlexNet with random weights, as ``TorchFCN``."""

    def __init__(self, classes: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4, 100)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Conv2d(256, hidden, 6)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        self.upscore = nn.ConvTranspose2d(classes, classes, 63, 32, bias=False)
        self.upscore.weight.data.copy_(bilinear(classes, 63))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        maps, (height, width) = image, image.shape[-2:]
        for number in range(1, 6):
            maps = self.get_submodule(f"conv{number}")(maps).relu()
            if number in (1, 2, 5):
                maps = functional.max_pool2d(maps, 3, 2, ceil_mode=True)
            if number < 3:
                maps = functional.local_response_norm(maps, 5, 1e-4, 0.75)
        whole = self.upscore(self.score_fr(self.fc7(self.fc6(maps).relu()).relu()))
        return {"": whole[..., 18 : 18 + height, 18 : 18 + width]}


def caffe_input(pixels: Tensor, mean: Sequence[float] = MEAN, *, swap: bool = True) -> Tensor:
    """Blue, green, red minus their means, from uint8 (N, 3, H, W) in RGB."""
    image = pixels.flip(1) if swap else pixels
    return image.float() - torch.tensor(mean).view(3, 1, 1)
