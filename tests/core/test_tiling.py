"""Pieces of an image give what the whole gives."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core import FeatureSpec, Grid, Normalisation, Scores, measure, resample
from pluxel.core.fused import resampled_classes
from pluxel.core.model import Head, SegmentationModel, Stream
from pluxel.core.tiling import Reach, Region, Tiling
from pluxel.registry import PluxelError
from torch import Tensor, nn

CLASSES = 4


class Chain(nn.Module):
    """A backbone of any layers, which gives the maps after some of them."""

    def __init__(self, layers: list[nn.Module], taps: list[int]) -> None:
        super().__init__()
        self.layers, self.taps = nn.Sequential(*layers), taps
        self.normalisation = Normalisation(mean=(0.5,) * 3, std=(0.2,) * 3)
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
    """Scores of the last map by a 3×3 convolution, upsampled onto the first and added to it."""

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


def model(layers: list[nn.Module], taps: list[int]) -> SegmentationModel:
    torch.manual_seed(0)
    backbone = Chain(layers, taps)
    stream = Stream(["image"], 3, backbone)
    stream.adopt_normalisation()
    head = Head({"image": Skips(list(backbone.feature_specs))}, "mean")
    return SegmentationModel({"image": stream}, {"semantic": head}).double().eval()


def convolution(channels: int, out: int, kernel: int = 3, **options: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, **options), nn.ReLU()
    )


def pooled() -> SegmentationModel:
    """Padded convolutions and pools that round up, as in VGG."""
    pool = nn.MaxPool2d(2, ceil_mode=True)
    return model(
        [convolution(3, 5), pool, convolution(5, 6), pool, convolution(6, 7), pool], [1, 5]
    )


def strided() -> SegmentationModel:
    """Strided convolutions, as in a ResNet."""
    layers = [convolution(3, 5, 7, stride=2), convolution(5, 6, stride=2), convolution(6, 6, 5)]
    return model([*layers, convolution(6, 8, stride=2)], [1, 3])


def unpadded() -> SegmentationModel:
    """No padding at all, so that maps end inside the image."""
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


MODELS = [pooled, strided, unpadded, tensorflow]
SIDES = st.integers(40, 150)


def reader(image: Tensor):
    def read(region: Region) -> Mapping[str, Tensor]:
        rows, columns = region.rows, region.columns
        return {"image": image[:, :, rows.start : rows.stop, columns.start : columns.stop]}

    return read


def assembled(tiling: Tiling, image: Tensor) -> Tensor:
    """Return the logits of all tiles, each resampled on its own."""
    height, width = image.shape[-2:]
    logits = image.new_full((1, CLASSES, height, width), torch.nan)
    for tile, scores in tiling.run(reader(image), (height, width)):
        rows, columns = tile.rows, tile.columns
        part = resample(scores["semantic"], tile.size)
        logits[:, :, rows.start : rows.stop, columns.start : columns.stop] = part
    return logits


@pytest.mark.parametrize("make", MODELS)
@settings(deadline=None, max_examples=15)
@given(size=st.tuples(SIDES, SIDES), tile=st.sampled_from([32, 40, 72]))
@torch.no_grad()
def test_tiles_are_the_whole(make, size: tuple[int, int], tile: int) -> None:
    net = make()
    image = torch.rand(1, 3, *size, dtype=torch.float64)
    whole = net({"image": image})["semantic"]
    reach = Reach.of(net)
    tiling = Tiling(net, reach, -(-tile // reach.step) * reach.step)
    assert reach.is_finite
    found = assembled(tiling, image)
    expected = resample(whole, size)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(found.argmax(1), resampled_classes(whole, size).long())


@torch.no_grad()
@pytest.mark.parametrize("make", MODELS)
def test_the_halo_is_as_small_as_it_may_be(make) -> None:
    """Two steps less on either side, and some tile is another one."""
    net = make()
    reach = Reach.of(net)
    image = torch.rand(1, 3, 208, 208, dtype=torch.float64)
    expected = resample(net({"image": image})["semantic"], (208, 208))
    tiling = Tiling(net, reach, 64)

    class Shy(Reach):
        def window(self, tile: range, pixels: int, axis: int) -> range:
            full = super().window(tile, pixels, axis)
            less = 2 * self.step
            start = full.start and full.start + less
            return range(start, full.stop if full.stop == pixels else full.stop - less)

    shy = Tiling(net, Shy(**vars(reach)), 64)
    torch.testing.assert_close(assembled(tiling, image), expected, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(assembled(shy, image), expected, rtol=1e-10, atol=1e-10)


class Squeeze(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image * image.mean((2, 3), keepdim=True).sigmoid()


@torch.no_grad()
def test_windows_are_blended_where_cells_see_everything() -> None:
    layers = [convolution(3, 5, 7, stride=2), Squeeze(), convolution(5, 6, stride=2), Squeeze()]
    net = model([*layers, convolution(6, 7, stride=2)], [2, 4])
    reach = Reach.of(net)
    assert not reach.is_finite
    assert reach.specs[0].receptive_field == (inf, inf)
    image = torch.rand(1, 3, 150, 190, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (150, 190))
    found = assembled(Tiling(net, reach, 64), image)
    assert found.isfinite().all()
    span = whole.max() - whole.min()
    assert (found - whole).abs().max() < 0.1 * span
    # No seams: neighbours across the edges of tiles differ no more than neighbours elsewhere.
    steps = (found - whole).diff(dim=3).abs().amax((0, 1, 2))
    assert steps[63] < 3 * steps.median()


@torch.no_grad()
def test_one_window_for_all_is_the_whole() -> None:
    net = model([convolution(3, 5, stride=2), Squeeze(), convolution(5, 6, stride=2)], [1, 2])
    image = torch.rand(1, 3, 61, 45, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (61, 45))
    found = assembled(Tiling(net, Reach.of(net), 64), image)
    torch.testing.assert_close(found, whole)


def test_a_tile_smaller_than_its_halo_is_refused() -> None:
    net = strided()
    reach = Reach.of(net)
    with pytest.raises(PluxelError, match=f"smaller than what its .* {reach.halo} pixels"):
        Tiling.of(net, reach, reach.halo - 1)
    rounded = Tiling.of(net, reach, reach.halo).tile
    assert rounded % reach.step == 0
    assert reach.halo <= rounded < reach.halo + reach.step


@given(st.integers(1, 3000), st.integers(2, 20))
def test_windows_are_of_one_size_but_the_last(pixels: int, blocks: int) -> None:
    reach = Reach((FeatureSpec("scores", 4, Grid(8, 3), (61, 61), "computed"),), 16, 1, 1)
    tiles = reach.tiles(16 * blocks, pixels, 0)
    assert [p for tile in tiles for p in tile] == [*range(pixels)]
    lengths = [len(reach.window(tile, pixels, 0)) for tile in tiles]
    assert len(set(lengths[:-1])) <= 1
    assert all(lengths[-1] <= length for length in lengths[:-1])


def test_tiles_cover_the_image_once() -> None:
    net = strided()
    tiles = Tiling(net, Reach.of(net), 64).tiles((150, 64))
    counts = torch.zeros(150, 64)
    for tile in tiles:
        counts[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
    assert (counts == 1).all()
