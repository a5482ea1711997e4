"""Dilation has the same result as shifting the input and interlacing the outputs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from .networks import EXACT, Dilated, small


def stitched(network: nn.Module, image: Tensor, factor: int, shift: int) -> Tensor:
    """Crop the image at every shift, run the network and interlace (PAMI 2016, section 3.2)."""
    parts = {
        (y, x): network(image[:, :, y * shift :, x * shift :])
        for y in range(factor)
        for x in range(factor)
    }
    height, width = (
        sum(parts[(i, 0) if axis == 0 else (0, i)].shape[2 + axis] for i in range(factor))
        for axis in (0, 1)
    )
    whole = image.new_zeros(len(image), parts[0, 0].shape[1], height, width)
    for (y, x), part in parts.items():
        whole[:, :, y::factor, x::factor] = part
    return whole


@st.composite
def networks(draw: st.DrawFn, padded: bool) -> tuple[nn.Module, int]:
    """Draw a random chain of convolutions and pools, and its stride (at most 12)."""
    layers: list[nn.Module] = []
    channels, total = 2, 1
    for _ in range(draw(st.integers(2, 5))):
        kernel = draw(st.integers(1, 3))
        stride = draw(st.sampled_from([s for s in (1, 2, 2, 3) if total * s <= 12]))
        padding = draw(st.integers(0, kernel // 2)) if padded else 0
        ceil = padded and draw(st.booleans())
        kind = draw(st.sampled_from(["convolution", "maximum", "average", "padding"]))
        total *= 1 if kind == "padding" else stride
        match kind:
            case "convolution":
                dilation = draw(st.integers(1, 2))
                out = draw(st.integers(1, 3))
                layers += [
                    nn.Conv2d(channels, out, kernel, stride, padding, dilation),
                    nn.BatchNorm2d(out),
                    nn.ReLU(),
                ]
                channels = out
            case "padding":
                layers.append(nn.ZeroPad2d((1, 2, 0, 1)) if padded else nn.Identity())
            case "maximum":
                layers.append(nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil))
            case _:
                counts = draw(st.booleans())
                layers.append(
                    nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil, count_include_pad=counts)
                )
    return nn.Sequential(*layers).double().eval(), total


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


SIZES = st.tuples(st.integers(140, 160), st.integers(140, 160))


@pytest.mark.slow
@settings(max_examples=25)
@given(networks(padded=False), SIZES, st.data())
def test_without_padding_dilation_equals_shift_and_stitch(
    network: tuple[nn.Module, int], size: tuple[int, int], data: st.DataObject
) -> None:
    module, stride = network
    output_stride = data.draw(st.sampled_from(divisors(stride)))
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    with torch.no_grad():
        dilated = Dilated(module, 2, output_stride)
        kept = int(dilated.maps[0].grid.stride[0])
        expected = stitched(module, image, stride // kept, kept)
        found = dilated(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.slow
@settings(max_examples=25)
@given(networks(padded=True), SIZES, st.data())
def test_with_padding_dilation_equals_the_network_on_fragments(
    network: tuple[nn.Module, int], size: tuple[int, int], data: st.DataObject
) -> None:
    module, stride = network
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    with torch.no_grad():
        dilated = Dilated(module, 2, data.draw(st.sampled_from(divisors(stride))))
        found, fragments, coarse = dilated(image), dilated.by_fragments(image), module(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, fragments, **EXACT)
    # The dense result contains the network's own result, at the rate of its map.
    (vertical, horizontal) = dilated.maps[0].rate
    torch.testing.assert_close(found[:, :, ::vertical, ::horizontal], coarse, **EXACT)


def test_only_the_excess_of_a_stride_is_removed() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.MaxPool2d(2)).double().eval()
    image = torch.randn(1, 3, 61, 50, dtype=torch.float64)
    dilated = Dilated(network, 3, 2)
    assert dilated.maps[0].grid.stride == (2, 2)
    torch.testing.assert_close(dilated(image), stitched(network, image, 4, 2), **EXACT)
    torch.testing.assert_close(dilated.by_fragments(image), dilated(image), **EXACT)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_fragments_of_a_small_map_may_be_empty(size: tuple[int, int]) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(4, 2, 3, stride=2, padding=1),
        nn.AvgPool2d(3, 1, padding=1),
    )
    network = network.double().eval()
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    dilated = Dilated(network, 3, 1)
    found = dilated.by_fragments(image)
    assert isinstance(found, Tensor)
    assert found.shape[-2:] == size
    torch.testing.assert_close(found, dilated(image), **EXACT)


@pytest.mark.parametrize("autocast", [False, True])
def test_averages_of_large_values_do_not_overflow_in_half_precision(autocast: bool) -> None:
    network = nn.Sequential(nn.AvgPool2d(2, 2), nn.AvgPool2d(8, 1, padding=4)).eval()
    dilated = Dilated(network, 3, 1)
    kind = torch.float32 if autocast else torch.float16
    image = torch.full((1, 3, 40, 40), 2000.0, dtype=kind)
    with torch.no_grad(), torch.autocast("cpu", torch.float16, enabled=autocast):
        found = dilated(image)
    assert isinstance(found, Tensor)
    assert found.dtype == kind
    expected = dilated(image.double())
    assert isinstance(expected, Tensor)
    torch.testing.assert_close(found.double(), expected, rtol=2e-3, atol=0)


def test_a_padding_keeps_its_value() -> None:
    network = (
        nn.Sequential(nn.MaxPool2d(2, 2), nn.ConstantPad2d((1, 2, 3, 4), -7.5)).double().eval()
    )
    dilated = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 20, 20, dtype=torch.float64)
    found, coarse = dilated(image), network(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found[:, :, ::2, ::2], coarse, **EXACT)
    assert (found[:, :, :6] == -7.5).all()


def test_maps_with_different_receptive_fields_can_be_combined() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Conv2d(4, 4, 5, padding=2)

        def forward(self, image: Tensor) -> Tensor:
            return torch.cat([self.wide(image), image, image + self.wide(image)], 1)

    network = small(Block()).double()
    image = torch.randn(1, 3, 20, 20, dtype=torch.float64)
    found, coarse = Dilated(network, 3, 1)(image), network(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found[:, :, ::2, ::2], coarse, **EXACT)
