"""Networks for tiling tests, and an image assembled from its tiles."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import torch
from pluxel.core import FeatureSpec, Grid, Normalization, Scores, measure, resample
from pluxel.core.engine.inference.tiling import Region, Tiling
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.normalize import InputPart
from torch import Tensor, nn

CLASSES = 4


class Chain(nn.Module):
    """A backbone of any layers that returns the maps after some of them."""

    def __init__(self, layers: list[nn.Module], taps: list[int]) -> None:
        super().__init__()
        self.layers, self.taps = nn.Sequential(*layers), taps
        self.normalization = Normalization(mean=(0.5,) * 3, std=(0.2,) * 3)
        found = measure(self, 3)
        self.feature_specs = found.specs
        self.pad_multiple, self.minimum_size = found.pad_multiple, found.minimum_size

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = []
        for index, layer in enumerate(self.layers):
            image = layer(image)
            if index in self.taps:
                maps.append(image)
        return maps


class Skips(nn.Module):
    """Scores of the last map by a 3×3 convolution, upsampled and added to those of the first."""

    def __init__(self, specs: list[FeatureSpec]) -> None:
        super().__init__()
        self.specs = specs
        self.scores = nn.ModuleList(
            nn.Conv2d(spec.channels, CLASSES, 3, padding=1) for spec in specs
        )

    def forward(self, maps: list[Tensor]) -> Scores:
        fine, coarse = (layer(one) for layer, one in zip(self.scores, maps, strict=True))
        up = resample(Scores(coarse, self.specs[1].grid), fine.shape[-2:], grid=self.specs[0].grid)
        return Scores(fine + up, self.specs[0].grid)


class Pooled(nn.Module):
    """Scores of the only map, plus those of a map with three times its stride."""

    def __init__(self, specs: list[FeatureSpec]) -> None:
        super().__init__()
        (self.spec,) = specs
        channels = self.spec.channels
        self.fine = nn.Conv2d(channels, CLASSES, 1)
        self.coarse = nn.Conv2d(channels, CLASSES, 3, stride=3, padding=1)
        self.grid = self.spec.grid.conv(3, 3, 1)

    def forward(self, maps: list[Tensor]) -> Scores:
        fine, coarse = self.fine(maps[0]), Scores(self.coarse(maps[0]), self.grid)
        return Scores(fine + resample(coarse, fine.shape[-2:], grid=self.spec.grid), self.spec.grid)


class Strided(Pooled):
    """Only the scores of the coarser map."""

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.coarse(maps[0]), self.grid)


class Shallow(nn.Module):
    """Scores of the first map only."""

    def __init__(self, specs: list[FeatureSpec]) -> None:
        super().__init__()
        self.spec = specs[0]
        self.scores = nn.Conv2d(self.spec.channels, CLASSES, 3)

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.scores(maps[0]), self.spec.grid.conv(3))


def model(
    layers: list[nn.Module], taps: list[int], decoder: type[nn.Module] = Skips
) -> SegmentationModel:
    torch.manual_seed(0)
    backbone = Chain(layers, taps)
    stream = Stream([InputPart("image", 3)], backbone)
    stream.adopt_normalization()
    head = Head({"image": decoder(list(backbone.feature_specs))}, "mean")
    return SegmentationModel({"image": stream}, {"semantic": head}).double().eval()


def convolution(channels: int, out: int, kernel: int = 3, **options: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, **options), nn.ReLU()
    )


def pooled() -> SegmentationModel:
    """Padded convolutions and ceiling pools, as in VGG."""
    pool = nn.MaxPool2d(2, ceil_mode=True)
    return model(
        [convolution(3, 5), pool, convolution(5, 6), pool, convolution(6, 7), pool], [1, 5]
    )


def strided() -> SegmentationModel:
    """Strided convolutions, as in a ResNet."""
    layers = [convolution(3, 5, 7, stride=2), convolution(5, 6, stride=2), convolution(6, 6, 5)]
    return model([*layers, convolution(6, 8, stride=2)], [1, 3])


def unpadded() -> SegmentationModel:
    """No padding, so that maps end inside the image."""
    layers = [nn.Conv2d(3, 5, 5), nn.MaxPool2d(2), nn.Conv2d(5, 6, 3), nn.MaxPool2d(3, 2)]
    return model([*layers, nn.Conv2d(6, 7, 3)], [1, 4])


class Same(nn.Module):
    """A strided convolution that pads as TensorFlow does."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, kernel, stride)
        self.kernel, self.stride = kernel, stride

    def forward(self, image: Tensor) -> Tensor:
        total = [
            max(0, (-(-size // self.stride) - 1) * self.stride + self.kernel - size)
            for size in image.shape[-2:]
        ]
        before = [amount // 2 for amount in total]
        left, right, top, bottom = before[1], total[1] - before[1], before[0], total[0] - before[0]
        return self.convolution(nn.functional.pad(image, (left, right, top, bottom)))


def tensorflow() -> SegmentationModel:
    return model([Same(3, 5), Same(5, 6), Same(6, 7)], [1, 2])


def decoder_with_a_stride() -> SegmentationModel:
    """Without its decoder, the network would have step 4."""
    return model([convolution(3, 5, stride=4)], [0], Strided)


def decoder_with_a_hidden_stride() -> SegmentationModel:
    """No returned map has stride 12."""
    return model([convolution(3, 5, stride=4)], [0], Pooled)


class Between(Pooled):
    """Scores of the only map, on a grid that shares few pixel positions with it."""

    def forward(self, maps: list[Tensor]) -> Scores:
        grid, fine = Grid(Fraction(7, 2), 1), self.fine(maps[0])
        height, width = (2 * cells * self.spec.grid.stride[0] // 7 for cells in fine.shape[-2:])
        return Scores(resample(Scores(fine, self.spec.grid), (height, width), grid=grid), grid)


def fractional() -> SegmentationModel:
    """Strides of 4 and 7/2, which align every 28 pixels."""
    return model([convolution(3, 5, stride=4)], [0], Between)


def shallow() -> SegmentationModel:
    """Layers without scores that need images of 90 pixels."""
    return model([nn.Conv2d(3, 5, 3, stride=2), nn.Conv2d(5, 2, 44)], [0, 1], Shallow)


class Blocks(nn.Module):
    """A padded convolution within each block of 3×3 cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        blocks = image.view(batch, channels, height // 3, 3, width // 3, 3)
        alone = blocks.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, 3, 3)
        found = self.convolution(alone).view(batch, height // 3, width // 3, channels, 3, 3)
        return found.permute(0, 3, 1, 4, 2, 5).reshape(image.shape)


def blocks() -> SegmentationModel:
    """Stride 2, with blocks of 6 pixels."""
    return model([convolution(3, 4, stride=2), Blocks(4), convolution(4, 6, stride=2)], [0, 2])


def reader(image: Tensor):
    def read(region: Region) -> Mapping[str, Tensor]:
        rows, columns = region.rows, region.columns
        return {"image": image[:, :, rows.start : rows.stop, columns.start : columns.stop]}

    return read


def assembled(tiling: Tiling, image: Tensor) -> Tensor:
    """Return the logits of all tiles, resampled separately."""
    height, width = image.shape[-2:]
    logits = image.new_full((1, CLASSES, height, width), torch.nan)
    for tile, scores in tiling.run(reader(image), (height, width)):
        rows, columns = tile.rows, tile.columns
        part = resample(scores["semantic"], tile.size)
        logits[:, :, rows.start : rows.stop, columns.start : columns.stop] = part
    return logits


class Squeeze(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image * image.mean((2, 3), keepdim=True).sigmoid()
