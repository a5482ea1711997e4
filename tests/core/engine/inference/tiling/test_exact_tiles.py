"""Tiles match the whole image, and their windows are as small as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core import FeatureSpec, Grid, Scores, resample
from pluxel.core.engine.inference.tiling import Reach, Tiling, verified
from pluxel.core.model.network import SegmentationModel
from pluxel.core.model.strips import resampled_classes
from torch import Tensor, nn

from .networks import (
    Skips,
    assembled,
    blocks,
    convolution,
    decoder_with_a_hidden_stride,
    decoder_with_a_stride,
    fractional,
    model,
    pooled,
    shallow,
    strided,
    tensorflow,
    unpadded,
)


class Fitted(Skips):
    """Scores of the last map, stretched to the first; exact only for multiples in size."""

    def forward(self, maps: list[Tensor]) -> Scores:
        fine, coarse = (layer(one) for layer, one in zip(self.scores, maps, strict=True))
        up = nn.functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")
        return Scores(fine + up, self.specs[0].grid)


MODELS = [
    pooled,
    strided,
    unpadded,
    tensorflow,
    decoder_with_a_stride,
    decoder_with_a_hidden_stride,
    fractional,
    shallow,
    blocks,
]


SIDES = st.integers(40, 150)


@cache
def measured(make: Callable[[], SegmentationModel]) -> tuple[SegmentationModel, Reach]:
    net = make()
    return net, Reach.of(net)


@pytest.mark.parametrize("make", MODELS)
@settings(max_examples=15)
@given(size=st.tuples(SIDES, SIDES), tile=st.sampled_from([32, 40, 72]))
@torch.no_grad()
def test_tiles_equal_the_whole_image(make, size: tuple[int, int], tile: int) -> None:
    net, reach = measured(make)
    image = torch.rand(1, 3, *size, dtype=torch.float64)
    whole = net({"image": image})["semantic"]
    tiling = Tiling(net, reach, -(-tile // reach.step) * reach.step)
    assert reach.is_finite
    found = assembled(tiling, image)
    expected = resample(whole, size)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(found.argmax(1), resampled_classes(whole, size).long())


@torch.no_grad()
@pytest.mark.parametrize("make", MODELS)
def test_the_halo_is_minimal(make) -> None:
    """With a halo two steps smaller, some tile changes."""
    net, reach = measured(make)
    image = torch.rand(1, 3, 208, 208, dtype=torch.float64)
    expected = resample(net({"image": image})["semantic"], (208, 208))
    tile = -(-64 // reach.step) * reach.step
    tiling = Tiling(net, reach, tile)

    class Shy(Reach):
        def window(self, tile: range, pixels: int, axis: int) -> range:
            full = super().window(tile, pixels, axis)
            less = 2 * self.step
            start = full.start and min(full.start + less, tile.start)
            stop = full.stop if full.stop == pixels else max(full.stop - less, tile.stop)
            return range(start, stop)

    shy = Tiling(net, Shy(**vars(reach)), tile)
    torch.testing.assert_close(assembled(tiling, image), expected, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(assembled(shy, image), expected, rtol=1e-10, atol=1e-10)


def check_tiles(net: SegmentationModel, size: tuple[int, int], tile: int) -> Reach:
    """Compare tiles, rounded up to steps, with the whole image."""
    image, reach = torch.rand(1, 3, *size, dtype=torch.float64), Reach.of(net)
    found = assembled(Tiling(net, reach, -(-tile // reach.step) * reach.step), image)
    torch.testing.assert_close(found, resample(net({"image": image})["semantic"], size))
    return reach


@torch.no_grad()
def test_multiples_that_only_the_decoder_needs() -> None:
    net = model([nn.AvgPool2d(2), convolution(3, 5), nn.AvgPool2d(4)], [1, 2], Fitted)
    vars(net.streams["image"].backbone)["pad_multiple"] = 1
    reach = check_tiles(net, (160, 240), 40)
    assert (reach.multiple, reach.step) == (8, 8)


@torch.no_grad()
def test_a_minimum_that_nobody_declares() -> None:
    net = shallow()
    vars(net.streams["image"].backbone)["minimum_size"] = 1
    assert check_tiles(net, (150, 130), 32).minimum == 89


@torch.no_grad()
def test_multiples_and_a_minimum_that_no_layer_reveals() -> None:
    net = unpadded()
    vars(net.streams["image"].backbone).update(minimum_size=100, pad_multiple=7)
    reach = check_tiles(net, (150, 120), 28)
    assert (reach.minimum, reach.multiple, reach.step) == (100, 7, 28)


class AlignedCorners(nn.Module):
    """Enlarges its map so that cell positions depend on the image size."""

    def __init__(self, features: Sequence[FeatureSpec]) -> None:
        super().__init__()
        self.grid = Grid(1, 0)
        self.score = nn.Conv2d(features[-1].channels, 4, 1)

    def forward(self, maps: list[Tensor]) -> Scores:
        larger = nn.functional.interpolate(
            self.score(maps[-1]), scale_factor=2, mode="bilinear", align_corners=True
        )
        return Scores(larger, self.grid)


@pytest.mark.slow
def test_one_image_decides_whether_probed_networks_can_be_tiled_exactly() -> None:
    aligned = model([convolution(3, 5, 7, stride=2)], [0], AlignedCorners)
    for net, is_exact in ((aligned, False), (blocks(), True), (strided(), True)):
        reach = Reach.of(net)
        assert reach.is_finite
        assert verified(net, reach, {"image": 3}).is_finite is is_exact
    assert Reach.of(aligned).specs[0].source == Reach.of(blocks()).specs[0].source == "probed"
