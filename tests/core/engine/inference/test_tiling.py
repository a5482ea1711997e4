"""Pieces of an image give what the whole gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import ceil, floor, inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core import FeatureSpec, Grid, Normalization, Scores, measure, resample
from pluxel.core.engine.inference.tiling import BLOCK, Reach, Region, Tiling, tried
from pluxel.core.engine.inference.tiling._blending import Blend
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.strips import resampled_classes
from pluxel.registry import PluxelError
from torch import Tensor, nn

CLASSES = 4


class Chain(nn.Module):
    """A backbone of any layers, which gives the maps after some of them."""

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


class Pooled(nn.Module):
    """Scores of the only map, to which a map three times as coarse is added."""

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
    """Scores of the coarser map alone."""

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.coarse(maps[0]), self.grid)


class Shallow(nn.Module):
    """Scores of the first map, whatever comes after it."""

    def __init__(self, specs: list[FeatureSpec]) -> None:
        super().__init__()
        self.spec = specs[0]
        self.scores = nn.Conv2d(self.spec.channels, CLASSES, 3)

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.scores(maps[0]), self.spec.grid.conv(3))


class Fitted(Skips):
    """Scores of the last map, stretched to the size of the first: right if sizes are multiples."""

    def forward(self, maps: list[Tensor]) -> Scores:
        fine, coarse = (layer(one) for layer, one in zip(self.scores, maps, strict=True))
        up = nn.functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")
        return Scores(fine + up, self.specs[0].grid)


def model(
    layers: list[nn.Module], taps: list[int], decoder: type[nn.Module] = Skips
) -> SegmentationModel:
    torch.manual_seed(0)
    backbone = Chain(layers, taps)
    stream = Stream(["image"], 3, backbone)
    stream.adopt_normalization()
    head = Head({"image": decoder(list(backbone.feature_specs))}, "mean")
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


def decoder_with_a_stride() -> SegmentationModel:
    """The step of the backbone alone would be 4."""
    return model([convolution(3, 5, stride=4)], [0], Strided)


def decoder_with_a_hidden_stride() -> SegmentationModel:
    """No map that anyone gets has a stride of 12."""
    return model([convolution(3, 5, stride=4)], [0], Pooled)


class Between(Pooled):
    """Scores of the only map, at a grid that has few pixels in common with it."""

    def forward(self, maps: list[Tensor]) -> Scores:
        grid, fine = Grid(Fraction(7, 2), 1), self.fine(maps[0])
        height, width = (2 * cells * self.spec.grid.stride[0] // 7 for cells in fine.shape[-2:])
        return Scores(resample(Scores(fine, self.spec.grid), (height, width), grid=grid), grid)


def fractional() -> SegmentationModel:
    """Strides of 4 and 7/2: the same again after 28 pixels."""
    return model([convolution(3, 5, stride=4)], [0], Between)


def shallow() -> SegmentationModel:
    """Layers that no score comes from, which want images of 90 pixels."""
    return model([nn.Conv2d(3, 5, 3, stride=2), nn.Conv2d(5, 2, 44)], [0, 1], Shallow)


class Blocks(nn.Module):
    """A padded convolution in each block of 3×3 cells by itself."""

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
    """Strides of 2, and blocks of 6 pixels."""
    return model([convolution(3, 4, stride=2), Blocks(4), convolution(4, 6, stride=2)], [0, 2])


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
def test_the_halo_is_as_small_as_it_may_be(make) -> None:
    """Two steps less on either side, and some tile is another one."""
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


class Squeeze(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image * image.mean((2, 3), keepdim=True).sigmoid()


def squeezed() -> SegmentationModel:
    layers = [convolution(3, 5, 7, stride=2), Squeeze(), convolution(5, 6, stride=2), Squeeze()]
    return model([*layers, convolution(6, 7, stride=2)], [2, 4])


def squeezed_with_a_stride() -> SegmentationModel:
    """Scores of stride 6, of a map of stride 2."""
    return model([convolution(3, 5, 7, stride=2), Squeeze()], [1], Strided)


@torch.no_grad()
@pytest.mark.parametrize("make", [squeezed, squeezed_with_a_stride])
def test_windows_are_blended_where_cells_see_everything(make) -> None:
    net = make()
    reach = Reach.of(net)
    assert not reach.is_finite
    assert reach.specs[0].receptive_field == (inf, inf)
    image = torch.rand(1, 3, 150, 190, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (150, 190))
    tile = -(-64 // reach.step) * reach.step
    found = assembled(Tiling(net, reach, tile), image)
    assert found.isfinite().all()
    span = whole.max() - whole.min()
    assert (found - whole).abs().mean() < 0.01 * span
    assert (found - whole).abs().max() < 0.2 * span
    # No seams: neighbors across the edges of tiles differ no more than neighbors elsewhere.
    steps = (found - whole).diff(dim=3).abs().amax((0, 1, 2))
    assert steps[tile - 1] < 3 * steps.median()


@torch.no_grad()
def test_windows_overlap_by_a_quarter_of_a_tile_and_are_read_once() -> None:
    net = squeezed()
    reach = Reach.of(net)
    image, seen, held = torch.rand(1, 3, 320, 200, dtype=torch.float64), [], []
    read = reader(image)

    def noted(region: Region) -> Mapping[str, Tensor]:
        seen.append(region)
        return read(region)

    blend = Blend(net, Tiling(net, reach, 64).tiles((320, 200)), 64, reach.step, (320, 200))
    for _ in blend.run(noted):
        held.append(len(blend.windows))
    columns = [range(80), range(48, 144), range(112, 200), range(176, 200)]
    rows = [range(80), range(48, 144), range(112, 208), range(176, 272), range(240, 320)]
    assert set(seen) == {Region(row, column) for row in rows for column in columns}
    assert len(seen) == 5 * 4
    assert max(held) == 3 * 4, "more than three rows of windows are kept"


@torch.no_grad()
def test_one_window_for_all_is_the_whole() -> None:
    net = model([convolution(3, 5, stride=2), Squeeze(), convolution(5, 6, stride=2)], [1, 2])
    image = torch.rand(1, 3, 61, 45, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (61, 45))
    found = assembled(Tiling(net, Reach.of(net), 64), image)
    torch.testing.assert_close(found, whole)


def check_tiles(net: SegmentationModel, size: tuple[int, int], tile: int) -> Reach:
    """Compare tiles, rounded up to steps, with the whole."""
    image, reach = torch.rand(1, 3, *size, dtype=torch.float64), Reach.of(net)
    found = assembled(Tiling(net, reach, -(-tile // reach.step) * reach.step), image)
    torch.testing.assert_close(found, resample(net({"image": image})["semantic"], size))
    return reach


@torch.no_grad()
def test_multiples_that_only_the_decoder_wants() -> None:
    net = model([nn.AvgPool2d(2), convolution(3, 5), nn.AvgPool2d(4)], [1, 2], Fitted)
    vars(net.streams["image"].backbone)["pad_multiple"] = 1
    reach = check_tiles(net, (160, 240), 40)
    assert (reach.multiple, reach.step) == (8, 8)


@torch.no_grad()
def test_a_minimum_that_no_one_tells() -> None:
    net = shallow()
    vars(net.streams["image"].backbone)["minimum_size"] = 1
    assert check_tiles(net, (150, 130), 32).minimum == 89


@torch.no_grad()
def test_multiples_and_a_minimum_that_no_layer_shows() -> None:
    net = unpadded()
    vars(net.streams["image"].backbone).update(minimum_size=100, pad_multiple=7)
    reach = check_tiles(net, (150, 120), 28)
    assert (reach.minimum, reach.multiple, reach.step) == (100, 7, 28)


def test_a_tile_smaller_than_its_halo_is_refused() -> None:
    net = strided()
    reach = Reach.of(net)
    with pytest.raises(PluxelError, match=f"smaller than what its .* {reach.halo} pixels"):
        Tiling.of(net, reach, reach.halo - 1)
    rounded = Tiling.of(net, reach, reach.halo).tile
    assert rounded % reach.step == 0
    assert reach.halo <= rounded < reach.halo + reach.step


@given(st.integers(1, 3000), st.integers(2, 15))
def test_windows_are_of_one_size_but_the_last(pixels: int, blocks: int) -> None:
    reach = Reach((FeatureSpec("scores", 4, Grid(8, 3), (61, 61), "computed"),), 16, 1, 1)
    tiles = reach.tiles(16 * blocks, pixels, 0)
    assert [p for tile in tiles for p in tile] == [*range(pixels)]
    lengths = [len(reach.window(tile, pixels, 0)) for tile in tiles]
    assert len(set(lengths[:-1])) <= 1
    assert all(lengths[-1] <= length for length in lengths[:-1])


@given(st.integers(1, 5000), st.sampled_from([256, 512, 1024]), st.sampled_from([1, 700]))
def test_tiles_lie_on_blocks_of_files_where_they_can(pixels: int, tile: int, minimum: int) -> None:
    reach = Reach((FeatureSpec("scores", 4, Grid(8, 3), (61, 61), "computed"),), 16, 1, minimum)
    tiles = reach.tiles(tile, pixels, 0)
    assert all(one.start % BLOCK == 0 for one in tiles)
    assert all(len(one) == tile for one in tiles[1:-1])
    lengths = [len(reach.window(one, pixels, 0)) for one in tiles]
    assert len(set(lengths[1:-1])) <= 1
    # One that must begin earlier to be long enough begins a step earlier at most.
    longest = max(lengths) - (minimum > 1) * (reach.step - 1)
    assert all(length >= longest for length in lengths[1:-1]), "an end needs more than others"
    assert min(lengths) >= min(minimum, pixels)


@pytest.mark.parametrize(
    ("step", "halo", "tile", "rounded"),
    [
        (32, 120, 1000, 1024),
        (32, 120, 1100, 1024),
        (32, 120, 1024, 1024),
        (32, 120, 300, 256),
        (32, 290, 300, 320),  # a block is less than the halo
        (32, 120, 200, 224),  # and here more than the tile
        (14, 120, 1000, 1008),
        (14, 120, 2000, 1792),
    ],
)
def test_tiles_are_rounded(step: int, halo: int, tile: int, rounded: int) -> None:
    seen = 2 * (halo - step) + 1
    spec = FeatureSpec("scores", 4, Grid(step), (seen, seen), "computed")
    reach = Reach((spec,), step, 1, 1)
    assert reach.halo == halo
    assert Tiling.of(strided(), reach, tile).tile == rounded


@given(
    st.builds(
        Grid,
        st.fractions(Fraction(1, 2), 20, max_denominator=4),
        st.fractions(-20, 20, max_denominator=4),
    ),
    st.fractions(1, 60, max_denominator=4),
    st.integers(1, 400),
    st.integers(1, 5),
)
def test_windows_hold_all_that_is_seen(grid: Grid, seen: Fraction, pixels: int, tile: int) -> None:
    """Cell by cell; of a map that ends inside the image, its last one stands for all beyond."""
    stride, offset, half = grid.stride[0], grid.offset[0], (seen - 1) / 2
    spec = FeatureSpec("scores", 4, grid, (float(seen), float(seen)), "computed")
    reach = Reach((spec,), stride.numerator, 1, 1)
    last = max(0, floor((pixels - 1 - half - offset) / stride))
    for one in reach.tiles(tile * reach.step, pixels, 0):
        window = reach.window(one, pixels, 0)
        for pixel in (one.start, one.stop - 1):
            below = floor((pixel - offset) / stride)
            for cell in {min(max(at, 0), last) for at in (below, below + 1)}:
                at = offset + stride * cell
                assert window.start <= max(0, ceil(at - half))
                assert window.stop > min(pixels - 1, floor(at + half))


def test_tiles_cover_the_image_once() -> None:
    net = strided()
    tiles = Tiling(net, Reach.of(net), 64).tiles((150, 64))
    counts = torch.zeros(150, 64)
    for tile in tiles:
        counts[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
    assert (counts == 1).all()


class AlignedCorners(nn.Module):
    """Enlarges its map such that where a cell lies follows from the size of the image."""

    def __init__(self, features: Sequence[FeatureSpec]) -> None:
        super().__init__()
        self.grid = Grid(1, 0)
        self.score = nn.Conv2d(features[-1].channels, 4, 1)

    def forward(self, maps: list[Tensor]) -> Scores:
        larger = nn.functional.interpolate(
            self.score(maps[-1]), scale_factor=2, mode="bilinear", align_corners=True
        )
        return Scores(larger, self.grid)


def test_of_networks_that_were_probed_one_image_tells_whether_tiles_can_be_exact() -> None:
    aligned = model([convolution(3, 5, 7, stride=2)], [0], AlignedCorners)
    for net, is_exact in ((aligned, False), (blocks(), True), (strided(), True)):
        reach = Reach.of(net)
        assert reach.is_finite
        assert tried(net, reach, {"image": 3}).is_finite is is_exact
    assert Reach.of(aligned).specs[0].source == Reach.of(blocks()).specs[0].source == "probed"
