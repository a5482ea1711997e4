"""Strides taken out of a network: what shifting its input and interlacing its outputs gives."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.geometry.dilation import Dilated, NotEquivariant
from pluxel.registry import PluxelError
from torch import Tensor, nn
from torch.nn import functional

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def stitched(network: nn.Module, image: Tensor, factor: int, shift: int) -> Tensor:
    """Crop the image at every shift, run the network, interlace (PAMI 2016, section 3.2)."""
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
    """A random chain of convolutions and pools, and its stride (at most 12)."""
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


@settings(deadline=None, max_examples=25)
@given(networks(padded=False), SIZES, st.data())
def test_without_padding_it_is_shift_and_stitch(
    network: tuple[nn.Module, int], size: tuple[int, int], data: st.DataObject
) -> None:
    module, stride = network
    output_stride = data.draw(st.sampled_from(divisors(stride)))
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    with torch.no_grad():
        rarefied = Dilated(module, 2, output_stride)
        kept = int(rarefied.maps[0].grid.stride[0])
        expected = stitched(module, image, stride // kept, kept)
        found = rarefied(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, expected, **EXACT)


@settings(deadline=None, max_examples=25)
@given(networks(padded=True), SIZES, st.data())
def test_with_padding_it_is_the_network_on_fragments(
    network: tuple[nn.Module, int], size: tuple[int, int], data: st.DataObject
) -> None:
    module, stride = network
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    with torch.no_grad():
        rarefied = Dilated(module, 2, data.draw(st.sampled_from(divisors(stride))))
        found, fragments, coarse = rarefied(image), rarefied.by_fragments(image), module(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, fragments, **EXACT)
    # The network's own result lies in it, at the rate of its map.
    (vertical, horizontal) = rarefied.maps[0].rate
    torch.testing.assert_close(found[:, :, ::vertical, ::horizontal], coarse, **EXACT)


def test_of_a_stride_only_what_is_too_much_is_taken_out() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.MaxPool2d(2)).double().eval()
    image = torch.randn(1, 3, 61, 50, dtype=torch.float64)
    rarefied = Dilated(network, 3, 2)
    assert rarefied.maps[0].grid.stride == (2, 2)
    torch.testing.assert_close(rarefied(image), stitched(network, image, 4, 2), **EXACT)
    torch.testing.assert_close(rarefied.by_fragments(image), rarefied(image), **EXACT)


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
    rarefied = Dilated(network, 3, 1)
    found = rarefied.by_fragments(image)
    assert isinstance(found, Tensor)
    assert found.shape[-2:] == size
    torch.testing.assert_close(found, rarefied(image), **EXACT)


MOVES = "it moves cells, or looks around, by a distance of its own"


def small(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), *layers).eval()


class Squeeze(nn.Module):
    """Scales channels by what the whole map says."""

    def forward(self, image: Tensor) -> Tensor:
        return image * image.mean((2, 3), keepdim=True)


class Attention(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        tokens = image.flatten(2).mT
        return functional.scaled_dot_product_attention(tokens, tokens, tokens).mT.reshape(
            image.shape
        )


class Depends(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image if image.sum() > 0 else -image


class Transposed(nn.Module):
    """Looks around like a convolution, but is none that can be spread."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3))

    def forward(self, image: Tensor) -> Tensor:
        return functional.conv_transpose2d(image, self.weight, padding=1)


class Pools(nn.Module):
    """A leaf of the graph, for it has no weights."""

    def forward(self, image: Tensor) -> Tensor:
        return functional.max_pool2d(image, 3, 1, 1)


class Same(nn.MaxPool2d):
    """A pool with a padding of its own."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as torch has it
        return super().forward(functional.pad(input, (0, 2, 0, 2)))


class Sized(nn.Module):
    """Has a number that follows from the image; with a weight, so that it is looked into."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return functional.max_pool2d(self.scale * image, 3, 1, image.ndim - 3)


class PadsChannels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return functional.pad(self.scale * image, (0, 0, 0, 0, 1, 1))


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        raise AssertionError


class Joins(nn.Module):
    """Adds maps of two strides, which happen to be of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Conv2d(4, 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        down = functional.max_pool2d(self.up(image), 1, 2)
        return down + image[:, :, : down.shape[2], : down.shape[3]]


class EveryOther(nn.Module):
    """Leaves out cells without looking around."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return (self.scale * image)[:, :, ::2, ::2]


class FitsByStrides(nn.Module):
    """Adds maps that are of one size only as long as they have strides."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(4, 4, 2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return self.score(image) + functional.max_pool2d(image, 3, 2, 1)


def hooked() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    layer.register_forward_pre_hook(lambda _module, _arguments: None)
    return layer


class Fuses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(4, 4, 2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return image + functional.interpolate(self.down(image), scale_factor=2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Squeeze(), "layer 1 (1): each of its values depends on the whole image"),
        (Attention(), "layer 1 (1): each of its values depends on the whole image"),
        (nn.GroupNorm(2, 4), "layer 1 (1): each of its values depends on the whole image"),
        (nn.InstanceNorm2d(4), "layer 1 (1): its statistics are those of the batch"),
        (
            nn.BatchNorm2d(4, track_running_stats=False),
            "layer 1 (1): its statistics are those of the batch",
        ),
        (nn.AdaptiveAvgPool2d(1), "layer 1 (1): each of its values depends on the whole image"),
        (Depends(), "the network cannot be followed: "),
        (Fails(), "the network cannot be followed: AssertionError"),
        (Fuses(), f"layer 1 (interpolate): {MOVES}"),
        (Joins(), "layer 1 (add): it joins maps of different strides"),
        (
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
            "layer 1 (1): it pads by mode 'reflect'",
        ),
        (nn.ReplicationPad2d(1), f"layer 1 (1): {MOVES}"),
        (nn.ConvTranspose2d(4, 4, 3, padding=1), f"layer 1 (1): {MOVES}"),
        (Transposed(), f"layer 1 (conv_transpose2d): {MOVES}"),
        (Pools(), f"layer 1 (1): {MOVES}"),
        (Same(3, 1), f"layer 1 (1): {MOVES}"),
        (hooked(), f"layer 1 (1): {MOVES}"),
        (Sized(), "layer 1 (max_pool2d): its numbers depend on the image"),
        (PadsChannels(), "layer 1 (pad): it pads channels"),
        (EveryOther(), f"layer 1 (getitem): {MOVES}"),
        (FitsByStrides(), "without its strides its maps do not fit: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_layer_that_does_not_commute_with_shifts_is_named(layer: nn.Module, message: str) -> None:
    with pytest.raises(NotEquivariant, match=re.escape(message)):
        Dilated(small(layer), 3, 1)


def test_gradients_reach_the_networks_own_weights() -> None:
    network = small(nn.Conv2d(4, 2, 3, padding=1))
    rarefied = Dilated(network, 3, 1)
    dense = rarefied(torch.randn(1, 3, 9, 9))
    assert isinstance(dense, Tensor)
    dense.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_weights_are_those_of_the_network_wherever_they_go() -> None:
    network = small()
    rarefied = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    network.double()
    nn.init.zeros_(network[0].weight)
    found = rarefied(image.double())
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, network[0].bias.view(1, -1, 1, 1).expand_as(found))


def test_a_copy_runs_on_the_copied_weights() -> None:
    network = small()
    pair = {"network": network, "rarefied": Dilated(network, 3, 1)}
    twin = copy.deepcopy(pair)
    nn.init.zeros_(twin["network"][0].weight)
    image = torch.randn(1, 3, 9, 9)
    assert not torch.equal(twin["rarefied"](image), pair["rarefied"](image))


def test_stochastic_layers_follow_the_mode_of_the_network() -> None:
    network = small(nn.Dropout(0.5))
    rarefied = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(rarefied(image), rarefied(image))
    network.train()
    assert not torch.equal(rarefied(image), rarefied(image))


class FunctionalDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return functional.dropout(self.scale * image, 0.5, training=self.training)


class OtherInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return (self.scale * image).relu() if self.training else self.scale * image


def test_functions_follow_the_mode_of_the_network() -> None:
    network = small(FunctionalDropout())
    rarefied = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(rarefied(image), rarefied(image))
    network.train()
    assert not torch.equal(rarefied(image), rarefied(image))
    assert not torch.equal(rarefied.by_fragments(image), rarefied.by_fragments(image))


def test_a_network_that_is_another_one_in_training_cannot_be_trained() -> None:
    network = small(OtherInTraining())
    rarefied = Dilated(network, 3, 1)
    rarefied(torch.randn(1, 3, 9, 9))
    network.train()
    with pytest.raises(PluxelError, match="in training the network consists of other layers"):
        rarefied(torch.randn(1, 3, 9, 9))


@pytest.mark.parametrize("autocast", [False, True])
def test_averages_of_large_values_in_half_precision(autocast: bool) -> None:
    network = nn.Sequential(nn.AvgPool2d(2, 2), nn.AvgPool2d(8, 1, padding=4)).eval()
    rarefied = Dilated(network, 3, 1)
    kind = torch.float32 if autocast else torch.float16
    image = torch.full((1, 3, 40, 40), 2000.0, dtype=kind)
    with torch.no_grad(), torch.autocast("cpu", torch.float16, enabled=autocast):
        found = rarefied(image)
    assert isinstance(found, Tensor)
    assert found.dtype == kind
    expected = rarefied(image.double())
    assert isinstance(expected, Tensor)
    torch.testing.assert_close(found.double(), expected, rtol=2e-3, atol=0)


def test_a_padding_keeps_its_value() -> None:
    network = (
        nn.Sequential(nn.MaxPool2d(2, 2), nn.ConstantPad2d((1, 2, 3, 4), -7.5)).double().eval()
    )
    rarefied = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 20, 20, dtype=torch.float64)
    found, coarse = rarefied(image), network(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found[:, :, ::2, ::2], coarse, **EXACT)
    assert (found[:, :, :6] == -7.5).all()


class OtherNumbers(nn.Module):
    """Its layers have the same names in training, and another reach."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        size = 3 if self.training else 5
        return functional.max_pool2d(self.scale * image, size, 1, size // 2)


def test_other_numbers_in_training_are_noticed() -> None:
    network = small(OtherNumbers())
    rarefied = Dilated(network, 3, 1)
    network.train()
    with pytest.raises(PluxelError, match="in training the network consists of other layers"):
        rarefied(torch.randn(1, 3, 9, 9))


class AddsMaxima(nn.Module):
    """A leaf of two operands, one of which it looks around in."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return one + functional.max_pool2d(other, 3, 1, 1)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.score, self.join = nn.Conv2d(4, 4, 1), AddsMaxima()

    def forward(self, image: Tensor) -> Tensor:
        return self.join(self.score(image), image)


def replaced() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    usual = layer.forward
    layer.forward = lambda image: 2 * usual(image)
    return layer


@pytest.mark.parametrize("layer", [Branches(), replaced()])
def test_what_looks_around_by_itself_is_refused(layer: nn.Module) -> None:
    with pytest.raises(NotEquivariant, match=MOVES):
        Dilated(small(layer), 3, 1)


def test_a_join_of_maps_that_see_different_pixels() -> None:
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


def test_a_network_whose_maps_are_taken_out_by_hooks() -> None:
    class Hooked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 4, 3)
            self.kept: list[Tensor] = []
            self.layer.register_forward_hook(lambda _module, _arguments, out: self.kept.append(out))

        def forward(self, image: Tensor) -> list[Tensor]:
            self.layer(image)
            found, self.kept = self.kept, []
            return found

    with pytest.raises(NotEquivariant, match="the network returns no map, perhaps because hooks"):
        Dilated(Hooked(), 3, 1)


def test_the_mode_is_that_of_the_layers_not_of_what_wraps_them() -> None:
    class Wrapper(nn.Module):
        """As the decoders that run a backbone wrap it: nobody tells it of the mode."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            return self.network(image)

    network = small(FunctionalDropout())
    rarefied = Dilated(Wrapper(network), 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(rarefied(image), rarefied(image))
    network.train()
    assert not torch.equal(rarefied(image), rarefied(image))
