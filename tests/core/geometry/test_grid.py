"""The arithmetic of grids reproduces the offsets and sizes that the FCN paper sets by hand."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.geometry.grid import (
    FeatureSpec,
    Grid,
    Scalar,
    StrideError,
    deepest,
    select_doubling,
    select_strides,
)

Layer = tuple[int, int, int]  # kernel, stride, padding


def chain(*layers: Layer) -> Grid:
    grid = Grid()
    for kernel, stride, padding in layers:
        grid = grid.conv(kernel, stride, padding)
    return grid


def crop(of: Grid, to: Grid) -> Fraction:
    """Return the crop of one map to another of the same stride, in cells (Caffe's Crop layer)."""
    assert of.stride == to.stride
    return (to.offset[0] - of.offset[0]) / of.stride[0]


CONV, POOL = (3, 1, 1), (2, 2, 0)
VGG16 = [(CONV, CONV, POOL), (CONV, CONV, POOL), *[(CONV, CONV, CONV, POOL)] * 3]


def vgg16(padding: int) -> list[Grid]:
    """Return the grids after the five pools and fc7, for the first convolution's padding."""
    layers: list[Layer] = []
    grids = []
    for number, block in enumerate(VGG16):
        layers += [
            (3, 1, padding) if (number, index) == (0, 0) else layer
            for index, layer in enumerate(block)
        ]
        grids.append(chain(*layers))
    return [*grids, chain(*layers, (7, 1, 0), (1, 1, 0))]


def alexnet(padding: int) -> list[Layer]:
    trunk = [(11, 4, padding), (3, 2, 0), (5, 1, 2), (3, 2, 0), CONV, CONV, CONV, (3, 2, 0)]
    return [*trunk, (6, 1, 0), (1, 1, 0)]


def position_of_zero(grid: Grid) -> Fraction:
    """Return the fractional cell at pixel 0, which Caffe's crop arithmetic calls b."""
    return -grid.offset[0] / grid.stride[0]


def test_vgg16_with_pad_100_has_the_coordinates_of_caffe() -> None:
    *pools, fc7 = vgg16(100)
    expected = [(2, 49.25), (4, 24.375), (8, 11.9375), (16, 5.71875), (32, 2.609375)]
    assert [(grid.stride[0], position_of_zero(grid)) for grid in pools] == expected
    assert position_of_zero(fc7) == Fraction(-25, 64)


@pytest.mark.parametrize("padding", [81, 97, 100, 113])
def test_grids_give_the_crops_of_the_fcn_release(padding: int) -> None:
    *_, pool3, pool4, _, fc7 = vgg16(padding)
    image = Grid()
    up2 = fc7.deconv(4, 2)
    fused16 = pool4.crop(crop(pool4, up2))
    up4 = fused16.deconv(4, 2)
    fused8 = pool3.crop(crop(pool3, up4))
    assert crop(fc7.deconv(64, 32), image) == padding - 81
    assert crop(pool4, up2) == 5
    assert crop(pool3, up4) == 9
    assert crop(fused16.deconv(32, 16), image) == padding - 73
    assert crop(fused8.deconv(16, 8), image) == padding - 69


def test_pad_100_gives_the_crops_in_the_fcn_release() -> None:
    *_, pool3, pool4, _, fc7 = vgg16(100)
    image, fused16 = Grid(), pool4.crop(5)
    assert fused16 == fc7.deconv(4, 2)
    fused8 = pool3.crop(9)
    assert fused8 == fused16.deconv(4, 2)
    finals = [fc7.deconv(64, 32), fused16.deconv(32, 16), fused8.deconv(16, 8)]
    assert [crop(final, image) for final in finals] == [19, 27, 31]


def test_alexnet_crops_by_18_with_an_odd_kernel_only() -> None:
    grid = chain(*alexnet(100))
    assert position_of_zero(grid) == Fraction(-13, 32)
    assert crop(grid.deconv(63, 32), Grid()) == 18
    assert crop(grid.deconv(64, 32), Grid()) == Fraction(37, 2)


@pytest.mark.parametrize(("padding", "b", "cropped"), [(3, (-15, 16), 1), (100, (67, 32), 98)])
def test_googlenet_crops_by_whole_pixels(padding: int, b: tuple[int, int], cropped: int) -> None:
    pool = (3, 2, 0)
    grid = chain((7, 2, padding), pool, CONV, pool, (5, 1, 2), pool, CONV, pool, (3, 1, 1))
    assert position_of_zero(grid) == Fraction(*b)
    assert crop(grid.deconv(63, 32), Grid()) == cropped


def test_resnet_cells_are_at_whole_pixels() -> None:
    half = (3, 2, 1)
    grid = chain((7, 2, 3), half, CONV, half, CONV, half, CONV, half)
    assert grid == Grid(32, 0)
    assert crop(grid.deconv(63, 32), Grid()) == 31
    assert crop(grid.deconv(64, 32), Grid()) == Fraction(63, 2)


@given(st.integers(1, 6))
def test_the_usual_deconvolution_inverts_a_network_of_pools(pools: int) -> None:
    factor = 2**pools
    grid = chain(*[CONV, POOL] * pools)
    assert position_of_zero(grid) == -Fraction(factor - 1, 2 * factor)
    assert grid.deconv(2 * factor, factor, factor // 2) == Grid()


def size_after(size: int, layers: list[Layer], rounding: str = "ceil") -> int:
    for kernel, stride, padding in layers:
        cells = Fraction(size + 2 * padding - kernel, stride)
        pooled = stride == 2
        size = (ceil(cells) if pooled and rounding == "ceil" else floor(cells)) + 1
    return size


def vgg16_layers(padding: int) -> list[Layer]:
    first, *rest = [layer for block in VGG16 for layer in block]
    return [(3, 1, padding), *rest] if first == CONV else []


@pytest.mark.parametrize(
    ("size", "pools", "fc7", "upsampled"),
    [
        (500, [349, 175, 88, 44, 22], 16, [544, 34, 70, 560, 568]),
        (375, [287, 144, 72, 36, 18], 12, [416, 26, 54, 432, 440]),
        (256, [227, 114, 57, 29, 15], 9, [320, 20, 42, 336, 344]),
        (425, [312, 156, 78, 39, 20], 14, [480, 30, 62, 496, 504]),
        (560, [379, 190, 95, 48, 24], 18, [608, 38, 78, 624, 632]),
    ],
)
def test_layer_arithmetic_gives_the_sizes_of_the_fcn_release(
    size: int, pools: list[int], fc7: int, upsampled: list[int]
) -> None:
    layers = vgg16_layers(100)
    ends = [index + 1 for index, layer in enumerate(layers) if layer == POOL]
    assert [size_after(size, layers[:end]) for end in ends] == pools
    assert size_after(size, [*layers, (7, 1, 0)]) == fc7
    up2 = 2 * fc7 + 2
    up4 = 2 * up2 + 2
    assert [32 * fc7 + 32, up2, up4, 16 * up2 + 16, 8 * up4 + 8] == upsampled


def covered(size: int, padding: int, rounding: str) -> tuple[bool, bool, bool]:
    """Return whether the cropped outputs of FCN-32s, 16s and 8s reach the end of the image."""
    cells = size_after(size, [*vgg16_layers(padding), (7, 1, 0)], rounding)
    up2 = 2 * cells + 2
    up4 = 2 * up2 + 2
    ends = [32 * cells + 32 - (padding - 81), 16 * up2 + 16 - (padding - 73)]
    ends.append(8 * up4 + 8 - (padding - 69))
    reached = [cells > 0 and end >= size for end in ends]
    return reached[0], reached[1], reached[2]


def test_pad_100_covers_every_size_only_with_ceil_pooling() -> None:
    sizes = range(1, 1025)
    assert all(all(covered(size, 100, "ceil")) for size in sizes)
    short = [sum(not covered(size, 100, "floor")[net] for size in sizes) for net in range(3)]
    assert short == [397, 149, 25]


def test_pad_97_is_the_smallest_that_covers_every_size() -> None:
    assert all(covered(size, 97, "ceil")[0] for size in range(1, 1025))
    assert not all(covered(size, 96, "ceil")[0] for size in range(1, 1025))


def test_alexnet_without_padding_gives_10_cells_for_500_pixels() -> None:
    layers = alexnet(0)
    assert size_after(500, layers) == 10
    assert all(
        32 * (size_after(size, alexnet(100)) - 1) + 63 - 18 >= size for size in range(1, 1025)
    )


def test_axes_are_independent() -> None:
    grid = Grid().conv((3, 5), (2, 3), (1, 0), (1, 2))
    assert grid == Grid((2, 3), (0, 4))
    assert grid.crop((1, 0)) == Grid((2, 3), (2, 4))


grids = st.builds(
    Grid,
    st.fractions(Fraction(1, 8), 64, max_denominator=8),
    st.fractions(-99, 99, max_denominator=16),
)


@given(grids, st.integers(1, 9), st.integers(1, 5), st.integers(0, 6))
def test_a_deconvolution_inverts_the_convolution(grid: Grid, k: int, s: int, p: int) -> None:
    assert grid.conv(k, s, p).deconv(k, s, p) == grid


@given(grids, st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_dilation_equals_a_larger_kernel(grid: Grid, k: int, s: int, d: int) -> None:
    assert grid.conv(k, s, 0, d) == grid.conv(d * (k - 1) + 1, s)


def test_a_stride_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        Grid(0)


def spec(stride: Scalar, channels: int = 8) -> FeatureSpec:
    return FeatureSpec(f"s{stride}", channels, Grid(stride), (1, 1), "computed")


def test_the_later_of_two_maps_with_the_same_stride_counts() -> None:
    features = [spec(8), spec(16), spec(16), spec(32), spec(32)]
    assert select_strides(features, (16, 32)) == [2, 4]
    assert deepest(features) == 4


def test_the_deepest_map_need_not_be_the_last() -> None:
    assert deepest([spec(32), spec(8)]) == 0


def test_the_error_for_a_missing_stride_lists_needed_and_available_strides() -> None:
    with pytest.raises(StrideError) as caught:
        select_strides([spec(16)] * 3, (8, 16, 32))
    assert str(caught.value) == (
        "the decoder needs strides 8, 16, 32; the backbone gives strides 16, 16, 16"
    )
    named = caught.value.message_for("decoder 'fcn8s'", "backbone 'timm' (vit_small_patch16_224)")
    assert named == (
        "decoder 'fcn8s' needs strides 8, 16, 32; "
        "backbone 'timm' (vit_small_patch16_224) gives strides 16, 16, 16"
    )
    with pytest.raises(StrideError, match="needs stride 64; the backbone gives no maps"):
        select_strides([], (64,))


@pytest.mark.parametrize(
    ("strides", "count", "expected"),
    [
        ((2, 4, 8, 16, 32), 3, [2, 3, 4]),
        ((2, 4, 8, 16, 32), 5, [0, 1, 2, 3, 4]),
        ((7, 14, 28, 56), 2, [2, 3]),
        ((Fraction(7, 2), 7, 14, 28), 4, [0, 1, 2, 3]),
        ((4, 8, 16, 16), 3, [0, 1, 3]),  # of two maps with one stride, the later
        ((32, 16, 8), 2, [1, 0]),  # whatever their order
        ((8, 16, 32, 96), 2, [1, 2]),  # the coarsest map whose half exists
        ((4, 12, 24), 1, [2]),
    ],
)
def test_the_deepest_maps_whose_strides_double(
    strides: tuple, count: int, expected: list[int]
) -> None:
    assert select_doubling([spec(stride) for stride in strides], count) == expected


def test_strides_double_along_both_axes() -> None:
    uneven = [
        FeatureSpec("m", 8, Grid(stride), (1, 1), "computed") for stride in ((4, 2), (8, 2), (8, 4))
    ]
    assert select_doubling(uneven, 2) == [0, 2]


@pytest.mark.parametrize(
    ("strides", "count", "message"),
    [
        (
            (16, 16, 16),
            3,
            "the decoder needs 3 maps whose strides double, such as 8, 16, 32; "
            "the backbone gives strides 16, 16, 16",
        ),
        (
            (4, 12, 24),
            4,
            "the decoder needs 4 maps whose strides double, such as 4, 8, 16, 32; "
            "the backbone gives strides 4, 12, 24",
        ),
    ],
)
def test_maps_whose_strides_do_not_double_raise(strides: tuple, count: int, message: str) -> None:
    with pytest.raises(StrideError) as caught:
        select_doubling([spec(stride) for stride in strides], count)
    assert str(caught.value) == message


def test_uneven_strides_are_shown_per_axis() -> None:
    uneven = FeatureSpec("m", 8, Grid((4, Fraction(5, 2))), (1, 1), "computed")
    assert StrideError("stride 8", [uneven]).given == "stride 4×5/2"


@pytest.mark.parametrize(("field", "reach"), [(1, 0), (404, Fraction(403, 2)), (403, 201)])
def test_the_reach_is_half_of_the_receptive_field(field: int, reach: Scalar) -> None:
    assert FeatureSpec("m", 8, Grid(8), (field, 1), "computed").reach == (reach, 0)


def test_the_reach_of_an_infinite_receptive_field_is_infinite() -> None:
    assert FeatureSpec("m", 8, Grid(8), (inf, 3), "computed").reach == (inf, 1)
