"""What tracing says of a network is what gradients say of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from math import inf

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pluxel.core.geometry.grid import FeatureSpec, Grid
from pluxel.core.geometry.tracing import Measurement, measure
from pluxel.core.geometry.tracing._dispatch import trace
from pluxel.core.geometry.tracing._probing import probe
from pluxel.registry import PluxelError
from torch import Tensor, nn
from torch.nn import functional


class Net(nn.Module):
    """A function of the image and some layers."""

    def __init__(self, forward: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.function = forward

    def forward(self, image: Tensor) -> Tensor:
        return self.function(image, *self.layers)


def conv(
    kernel: int = 3, stride: int = 1, padding: int | None = None, channels: int = 4
) -> nn.Conv2d:
    padding = kernel // 2 if padding is None else padding
    return nn.Conv2d(channels, channels, kernel, stride, padding)


def only(network: nn.Module, channels: int = 4) -> FeatureSpec:
    (spec,) = measure(network, channels).specs
    return spec


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


# Networks whose positions are known, as (network, stride, offset, receptive field).
HALF = Fraction(1, 2)
KNOWN = {
    "convolution": (conv(3, 2), 2, 0, 3),
    "dilated": (nn.Conv2d(4, 4, 3, 2, 0, dilation=3), 2, 3, 7),
    "grouped": (nn.Conv2d(4, 8, 5, 1, 0, groups=2), 1, 2, 5),
    "same": (nn.Conv2d(4, 4, 4, padding="same"), 1, HALF, 4),
    "max pool": (nn.MaxPool2d(2), 2, HALF, 2),
    "max pool, ceil": (nn.MaxPool2d(3, 2, ceil_mode=True), 2, 1, 3),
    "average pool": (nn.AvgPool2d(3, 2, 1), 2, 0, 3),
    "LP pool": (nn.LPPool2d(2, 2), 2, HALF, 2),
    "deconvolution": (chain(conv(3, 4), nn.ConvTranspose2d(4, 4, 4, 2, 1)), 2, -1, 9),
    "nearest": (chain(nn.MaxPool2d(2), nn.Upsample(scale_factor=2)), 1, 0, 3),
    "bilinear": (chain(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")), 1, 0, 5),
    "reflected": (chain(nn.ReflectionPad2d((1, 2, 3, 4)), conv(3, padding=0)), 1, (-2, 0), 3),
    "replicated": (chain(nn.ReplicationPad2d(2), conv(3, padding=0)), 1, -1, 3),
    "zero padded": (chain(nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 2, padding=0)), 2, 1, 3),
    "cropped": (chain(conv(3, 2), nn.ZeroPad2d(-2)), 2, 4, 3),
    "normalized": (
        chain(conv(), nn.BatchNorm2d(4), nn.GELU(), nn.Dropout2d(), nn.PReLU()),
        1,
        0,
        3,
    ),
    "local response": (chain(conv(3, 2), nn.LocalResponseNorm(5)), 2, 0, 3),
    "space to depth": (chain(nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 1)), 2, HALF, 2),
    "whole group": (chain(conv(), nn.GroupNorm(2, 4)), 1, 0, inf),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", KNOWN)
def test_layers(name: str) -> None:
    network, stride, offset, field = KNOWN[name]
    spec = only(network)
    assert spec.grid == Grid(stride, offset)
    assert spec.receptive_field == (field, field)
    assert spec.source == "computed"


def test_axes_are_followed_apart() -> None:
    spec = only(nn.Conv2d(4, 4, (1, 7), (2, 3), (0, 3)))
    assert spec.grid == Grid((2, 3))
    assert spec.receptive_field == (1, 7)


def squeeze_excite(image: Tensor, layer: nn.Module, gate: nn.Module) -> Tensor:
    maps = layer(image)
    return maps * gate(maps.mean((2, 3), keepdim=True)).sigmoid()


def channels_last_mlp(
    image: Tensor, layer: nn.Module, norm: nn.Module, linear: nn.Module
) -> Tensor:
    return linear(norm(layer(image).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def focus(image: Tensor) -> Tensor:
    return torch.cat([image[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], dim=1)


def patches(image: Tensor) -> Tensor:
    n, c, h, w = image.shape
    windows = image.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1)
    return windows.reshape(n, h // 4, w // 4, 16 * c).permute(0, 3, 1, 2)


def residual(image: Tensor, one: nn.Module, other: nn.Module) -> Tensor:
    return one(image).relu_() + other(image)


GRAPHS = {
    "residual": (Net(residual, conv(5, 2), conv(1, 2)), 2, 0, 5),
    "inception": (Net(lambda x, a, b: torch.cat([a(x), b(x)], 1), conv(7), conv(1)), 1, 0, 7),
    "squeeze-excite": (Net(squeeze_excite, conv(3, 2), nn.Conv2d(4, 4, 1)), 2, 0, inf),
    "adaptive squeeze": (
        Net(lambda x, a: a(x) * functional.adaptive_avg_pool2d(x, 1), conv(3, 1)), 1, 0, inf,
    ),
    "channels last": (
        Net(channels_last_mlp, conv(3, 2), nn.LayerNorm(4), nn.Linear(4, 4)), 2, 0, 3,
    ),
    "focus": (Net(focus), 2, HALF, 2),
    "patches": (Net(patches), 4, Fraction(3, 2), 4),
    "chunks": (Net(lambda x, a: torch.stack(a(x).chunk(2, 1)).sum(0), conv(3, 2)), 2, 0, 3),
    "einsum": (Net(lambda x: torch.einsum("nchw,dc->ndhw", x, torch.ones(5, 4))), 1, 0, 1),
    "larger of two": (Net(lambda x, a: torch.max(a(x), x), conv(5)), 1, 0, 5),
    "spatial gate": (Net(lambda x, a: x * a(x).amax(1, keepdim=True), conv(7)), 1, 0, 7),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    network, stride, offset, field = GRAPHS[name]
    spec = only(network)
    assert spec.grid == Grid(stride, offset)
    assert spec.receptive_field == (field, field)
    assert spec.source == "computed"


def test_branches_that_lie_differently_are_placed_in_the_middle_of_what_they_see() -> None:
    """As in ResNet-D, whose shortcuts average 2×2 cells beside 3×3 convolutions of stride 2."""
    spec = only(Net(residual, conv(3, 2), nn.AvgPool2d(2)))
    assert (spec.grid, spec.receptive_field) == (Grid(2, 0), (3, 3))
    apart = only(Net(residual, conv(1, 2), nn.AvgPool2d(2)))
    assert (apart.grid, apart.receptive_field) == (Grid(2, HALF), (2, 2))


def test_an_upsampled_branch_does_not_move_a_sharp_one() -> None:
    """As in HRNet, where maps of stride 32 are upsampled onto those of stride 4."""
    coarse = chain(conv(3, 4), nn.Upsample(scale_factor=4))
    spec = only(Net(residual, conv(), coarse))
    assert spec.grid == Grid(1, 0)
    assert spec.receptive_field == (9, 9)  # the upsampled cell sees 4 pixels before, 1 after


def test_several_maps_get_names_channels_and_grids() -> None:
    stages = Net(lambda x, a, b: [a(x), b(a(x))], conv(3, 2), nn.Conv2d(4, 9, 3, 2, 1))
    first, second = measure(stages, 4, ["fine", "coarse"]).specs
    assert (first.name, first.channels, first.grid) == ("fine", 4, Grid(2))
    assert (second.name, second.channels, second.grid) == ("coarse", 9, Grid(4))


windows = st.tuples(
    st.sampled_from(["conv", "max", "avg", "dilated", "residual"]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 1),
    st.booleans(),
)


def random_layer(kind: str, kernel: int, stride: int, padding: int, ceil: bool) -> nn.Module:
    padding = min(padding, kernel // 2)
    if kind == "conv":
        return chain(nn.Conv2d(4, 4, kernel, stride, padding), nn.ReLU())
    if kind == "dilated":
        return chain(nn.Conv2d(4, 4, kernel, stride, padding, dilation=2), nn.BatchNorm2d(4))
    if kind == "residual":
        branches = nn.Conv2d(4, 4, kernel, stride, padding), nn.MaxPool2d(kernel, stride, padding)
        return Net(residual, *branches)
    pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
    return pool(kernel, stride, padding, ceil_mode=ceil)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(windows, min_size=1, max_size=3), st.sampled_from([None, 1, 2]))
def test_computed_equals_probed(layers: list[tuple], finer: int | None) -> None:
    network = chain(*(random_layer(*layer) for layer in layers))
    if finer:  # at the end, for a stride would skip some of the phases that are united
        network.append(nn.ConvTranspose2d(4, 4, finer + 1, finer))
    computed = measure(network, 4)
    spec = computed.specs[0]
    assert spec.source == "computed"
    assert computed.pad_multiple == 1
    strides = {0: spec.grid.stride}
    probed = probe(network, 4, strides, 1, computed.minimum_size, lengths=[320])[0]
    assert probed is not None
    for axis, extent in enumerate(probed):
        assert extent.offset == spec.grid.offset[axis]
        assert extent.receptive_field == spec.receptive_field[axis]


class OnlyByGradients(torch.autograd.Function):
    """Something that no rule knows; here it moves the image by two pixels."""

    @staticmethod
    def forward(ctx: object, image: Tensor) -> Tensor:
        return torch.ops.aten.flip(torch.ops.aten.flip(image, [3])[..., 2:], [3])

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return functional.pad(gradient, (0, 2))


def shuffled(image: Tensor, layer: nn.Module) -> Tensor:
    return functional.pixel_shuffle(layer(image), 2)


PROBED = {
    "unknown function": (Net(OnlyByGradients.apply), Grid(1, 0), (1, 1)),
    "index": (Net(lambda x, a: a(x)[:, torch.tensor([2, 1])], conv(5, 2)), Grid(2), (5, 5)),
    # Four phases see the same 5 pixels: united around each, 3 to either side.
    "depth to space": (Net(shuffled, conv(5, 2)), Grid(1, -HALF), (6, 6)),
}


@pytest.mark.parametrize("name", PROBED)
def test_what_no_rule_covers_is_probed(name: str) -> None:
    network, grid, field = PROBED[name]
    spec = only(network)
    assert (spec.grid, spec.receptive_field, spec.source) == (grid, field, "probed")


def attend(image: Tensor, patch: nn.Module, linear: nn.Module, token: bool) -> Tensor:
    maps = patch(image)
    n, c, h, w = maps.shape
    tokens = maps.flatten(2).mT
    if token:
        tokens = torch.cat([tokens.new_ones(n, 1, c), tokens], 1)
    query, key, value = linear(tokens).chunk(3, -1)
    tokens = tokens + functional.scaled_dot_product_attention(query, key, value)
    return (tokens[:, 1:] if token else tokens).mT.reshape(n, c, h, w)


@pytest.mark.parametrize("token", [False, True], ids=["tokens", "with a class token"])
def test_attention_sees_everything_and_its_grid_is_assumed(token: bool) -> None:
    vit = Net(lambda x, a, b: attend(x, a, b, token), nn.Conv2d(4, 6, 8, 8), nn.Linear(6, 18))
    spec = only(vit)
    assert (spec.grid, spec.receptive_field) == (Grid(8, Fraction(7, 2)), (inf, inf))
    assert spec.source == "assumed"


def test_attention_is_not_probed_in_vain(monkeypatch) -> None:
    monkeypatch.setattr("pluxel.core.geometry.tracing._measuring.probe", None)
    vit = Net(lambda x, a, b: attend(x, a, b, True), nn.Conv2d(4, 6, 8, 8), nn.Linear(6, 18))
    assert only(vit).source == "assumed"


def test_convolutions_within_windows_are_probed() -> None:
    def windowed(image: Tensor, layer: nn.Module) -> Tensor:
        n, c, h, w = image.shape
        windows = image.reshape(n, c, h // 8, 8, w).transpose(1, 2).flatten(0, 1)
        return layer(windows).unflatten(0, (n, h // 8)).transpose(1, 2).reshape(n, c, h, w)

    measured = measure(Net(windowed, conv(3)), 4)
    (spec,) = measured.specs
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(), (3, 3), "probed")
    assert measured.pad_multiple == 8


def test_tokens_of_overlapping_patches_stay_where_they_are() -> None:
    vit = Net(lambda x, a, b: attend(x, a, b, False), conv(3, 2), nn.Linear(4, 12))
    assert only(vit).grid == Grid(2, 0)


def test_written_out_attention_is_recognized() -> None:
    def attend_by_hand(image: Tensor, layer: nn.Module) -> Tensor:
        maps = layer(image)
        tokens = maps.flatten(2)
        weights = (tokens.mT @ tokens).softmax(-1)
        return (tokens @ weights.mT).reshape(maps.shape)

    spec = only(Net(attend_by_hand, conv(3, 4)))
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(4), (inf, inf), "assumed")


def write_into_views(image: Tensor, layer: nn.Module) -> Tensor:
    maps = layer(image)
    canvas = torch.zeros(maps.shape)
    canvas[..., 1:] = maps[..., :-1]
    return canvas


def write_into_own_views(image: Tensor, layer: nn.Module) -> Tensor:
    maps = layer(image)
    maps[..., 1:] *= image[..., :-1]
    return maps


WRITTEN = {
    "a constant": (write_into_views, (0, -1), (1, 1)),
    "a constant, used": (lambda x, a: write_into_views(x, a) + x, (0, -HALF), (1, 2)),
    "the map itself": (write_into_own_views, (0, -HALF), (1, 2)),
    "the map itself, used": (
        lambda x, a: write_into_own_views(x, a) * x.sigmoid(), (0, -HALF), (1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_writing_into_views_is_not_overlooked(name: str) -> None:
    function, offset, field = WRITTEN[name]
    spec = only(Net(function, conv(1)))
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(1, offset), field, "probed")


def test_writing_whole_tensors_in_place_loses_nothing() -> None:
    spec = only(Net(lambda x, a, b: a(x).mul_(2).add_(b(x)).relu_(), conv(3, 2), conv(1, 2)))
    assert (spec.grid, spec.source) == (Grid(2), "computed")


def attended_weights(image: Tensor, layer: nn.Conv2d) -> Tensor:
    tokens = image.flatten(2).mT
    pooled = functional.scaled_dot_product_attention(tokens, tokens, tokens).mean((0, 1))
    return functional.conv2d(image, layer.weight * pooled.view(1, -1, 1, 1), stride=2, padding=1)


def pooled_weights(image: Tensor, layer: nn.Conv2d) -> Tensor:
    weight = layer.weight * image.mean((0, 2, 3)).view(1, -1, 1, 1)
    return functional.conv2d(image, weight, stride=2, padding=1)


@pytest.mark.parametrize(
    ("function", "source"), [(pooled_weights, "computed"), (attended_weights, "assumed")]
)
def test_filters_made_from_the_image_bring_what_they_have_seen(
    function: Callable, source: str
) -> None:
    spec = only(Net(function, conv()))
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(2), (inf, inf), source)


def square(image: Tensor) -> Tensor:
    side = min(image.shape[-2:])
    return image[..., :side, :side]


# What has no regular positions must not be said to have some.
IRREGULAR = {
    "strides that differ": lambda x: x[..., : x.shape[-1] // 2] + x[..., ::2],
    "rows turned to columns": lambda x: square(x) + square(x).mT,
    "corners aligned": lambda x: functional.interpolate(
        x, scale_factor=2, mode="bilinear", align_corners=True
    ),
    "a fraction": lambda x: functional.interpolate(x, scale_factor=1.5),
    "from the end": lambda x: x[..., -(x.shape[-1] // 2) :],
    "means of cells far apart": lambda x: x.unflatten(-1, (2, -1)).mean(-2),
    "transposed": lambda x: x.mT,
    "a layer norm along rows": lambda x: functional.layer_norm(x, x.shape[-1:]),
    "softmax along rows": lambda x: x.softmax(-1),
    "flipped": lambda x: x.flip(-1),
    "sorted": lambda x: x.sort(-1).values,
    "running": lambda x: x.cumsum(-1),
}


@pytest.mark.parametrize("name", IRREGULAR)
def test_what_is_irregular_is_not_said_to_be_computed(name: str) -> None:
    spec = only(Net(IRREGULAR[name]))
    assert spec.source != "computed" or spec.receptive_field == (inf, inf)


def test_a_network_that_takes_only_squares_is_not_probed_with_strips() -> None:
    def only_squares(image: Tensor, layer: nn.Module) -> Tensor:
        if image.shape[-1] > 2 * image.shape[-2] or image.shape[-2] > 2 * image.shape[-1]:
            raise ValueError("too narrow")
        return layer(image)[:, torch.tensor([0, 1])]

    spec = only(Net(only_squares, conv(3, 2)))
    assert (spec.grid, spec.source) == (Grid(2), "probed")


def test_rolling_moves() -> None:
    spec = only(Net(lambda x, a: a(x).roll((1, -2), (2, 3)), conv(3, 2)))
    assert spec.grid == Grid(2, (-2, 4))
    back = only(Net(lambda x, a: a(x).roll(1, 2).relu().roll(-1, 2), conv(3, 2)))
    assert back.grid == Grid(2)


def test_norms_with_data_are_really_run() -> None:
    """Where control flow looks at data, what it sees must be true."""
    network = Net(decide_by_norm, nn.BatchNorm2d(4), conv(3, 2), conv(3, 4))
    assert only(network).grid == Grid(2)


def test_tensors_that_are_plain_attributes_come_along() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.scale = conv(3, 2), torch.ones(1, 4, 1, 1)

        def forward(self, image: Tensor) -> Tensor:
            return self.layer(image) * self.scale

    assert only(Holder()).source == "computed"


def test_what_is_zero_at_first_is_seen() -> None:
    """ResNets start the last scale of each branch at zero."""
    branch = chain(conv(5), nn.BatchNorm2d(4))
    nn.init.zeros_(branch[1].weight)
    network = Net(lambda x, a: (x + a(x))[:, torch.tensor([0, 1])], branch)
    assert only(network).receptive_field == (5, 5)


class Same(nn.Module):
    """A convolution padded as TensorFlow pads: evenly, the odd cell at the end."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.layer = conv(kernel, stride, padding=0)

    def forward(self, image: Tensor) -> Tensor:
        kernel, stride = self.layer.kernel_size[0], self.layer.stride[0]
        total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in image.shape[-2:]]
        (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
        return self.layer(functional.pad(image, (left, right, top, bottom)))


def test_padding_that_depends_on_the_size_asks_for_multiples() -> None:
    measured = measure(chain(Same(3, 2), Same(3, 2), Same(5, 2)), 4)
    assert measured.pad_multiple == 8
    assert measured.specs[0].grid == Grid(8, 1 + 2 + 4)


def test_it_does_even_where_positions_cannot_be_followed() -> None:
    network = Net(lambda x, a: a(x)[:, torch.tensor([0, 1])], chain(Same(3, 2), Same(3, 2)))
    measured = measure(network, 4)
    assert (measured.pad_multiple, measured.specs[0].source) == (4, "probed")
    assert measured.specs[0].grid == Grid(4, 3)


def test_padding_that_does_not_asks_for_none() -> None:
    assert measure(chain(Same(3, 1), conv(3, 2)), 4).pad_multiple == 1


def test_whole_windows_ask_for_their_multiple() -> None:
    def windows_of_six(image: Tensor, layer: nn.Module) -> Tensor:
        maps = layer(image)
        n, c, h, w = maps.shape
        return maps.reshape(n, c, h // 5, 5, w // 5, 5).reshape(n, c, h, w)

    measured = measure(Net(windows_of_six, conv(3, 4)), 4)
    assert measured.pad_multiple == 20
    assert measured.specs[0].grid == Grid(4)


@pytest.mark.parametrize(
    ("network", "smallest"),
    [
        (conv(3, 2), 1),
        (conv(7, 1, padding=0), 7),
        (chain(*[nn.MaxPool2d(2)] * 5), 32),
        (chain(*[nn.MaxPool2d(2, ceil_mode=True)] * 5), 1),
        (chain(*[nn.Conv2d(4, 4, 3, 2)] * 4), 31),
    ],
)
def test_the_smallest_size_is_measured(network: nn.Module, smallest: int) -> None:
    assert measure(network, 4).minimum_size == smallest
    assert min(network(torch.zeros(1, 4, smallest, smallest)).shape[-2:]) == 1


def test_the_module_is_left_alone() -> None:
    network = chain(conv(), nn.BatchNorm2d(4), nn.Dropout()).train()
    network[2].eval()
    before = copy.deepcopy(network.state_dict())
    measure(network, 4)
    assert [part.training for part in network.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_random_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    only(PROBED["index"][0])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_keeps_nothing_of_the_run() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.seen = conv(), []

        def forward(self, image: Tensor) -> Tensor:
            self.last = image
            self.seen.append(image)
            return self.layer(image)

    network = Remembers()
    measure(network, 4)
    assert network.seen == []
    assert not hasattr(network, "last")


def test_parameters_may_lie_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = Net(lambda x, a: a(x)[:, torch.tensor([0])], chain(conv(3, 2), nn.BatchNorm2d(4)))
    spec = only(network)
    assert (spec.grid, spec.source) == (Grid(2), "probed")
    assert next(network.parameters()).is_meta


def decide_by_norm(image: Tensor, norm: nn.Module, one: nn.Module, other: nn.Module) -> Tensor:
    return one(image) if (norm(image) == norm.bias.view(1, -1, 1, 1)).all() else other(image)


def choose_channels(image: Tensor, layer: nn.Module) -> Tensor:
    return layer(image)[:, torch.tensor([0])] + torch.ones(1)


WITHOUT_DATA = {
    "computed": (lambda: chain(conv(3, 2), nn.BatchNorm2d(4)), "computed"),
    "probed": (lambda: Net(choose_channels, chain(conv(3, 2), nn.BatchNorm2d(4))), "probed"),
    "run with data": (
        lambda: Net(decide_by_norm, nn.BatchNorm2d(4), conv(3, 2), conv(3, 4)), "computed",
    ),
    "run with data and probed": (
        lambda: Net(
            lambda x, a: choose_channels(x, a) if x.abs().sum() >= 0 else x,
            chain(conv(3, 2), nn.BatchNorm2d(4)),
        ),
        "probed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_network_may_be_built_and_measured_without_memory(name: str) -> None:
    """As `pluxel config check` does: the default device is no business of the measurement."""
    make, source = WITHOUT_DATA[name]
    with torch.device("meta"):
        measured = measure(make(), 4)
    (spec,) = measured.specs
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(2), (3, 3), source)
    assert measured == measure(make(), 4)


def test_control_flow_may_look_at_data() -> None:
    def decide(image: Tensor, one: nn.Module, other: nn.Module) -> Tensor:
        return one(image) if image.sum() >= 0 else other(image)

    spec = only(Net(decide, conv(3, 2), conv(3, 4)))
    assert (spec.grid, spec.source) == (Grid(2), "computed")


def test_a_network_of_one_size_is_refused_with_its_own_reason() -> None:
    def fixed(image: Tensor) -> Tensor:
        if image.shape[-1] != 224:
            raise ValueError("this takes 224 pixels")
        return image

    with pytest.raises(PluxelError) as caught:
        measure(Net(fixed), 4)
    assert str(caught.value) == (
        "the network does not take images of any size: none of 448×896, 512×1024, 480×960 pixels\n"
        "  note: ValueError: this takes 224 pixels"
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: functional.adaptive_avg_pool2d(x, 7),
        lambda x: x.unflatten(-1, (-1, 8)).mean(-2),
        lambda x: (torch.ones(1, x.shape[-1] // 8) @ x.unflatten(-1, (-1, 8))).squeeze(-2),
        lambda x: x.mean((2, 3), keepdim=True),
    ],
    ids=["adaptive pool", "means of windows", "sums of windows", "global pool"],
)
def test_maps_of_a_constant_size_are_refused(function: Callable) -> None:
    with pytest.raises(PluxelError, match="map 0 of the network does not grow with the image"):
        measure(Net(function), 4)


def test_the_step_is_that_of_all_layers() -> None:
    coarser = Net(
        lambda x: nn.functional.interpolate(nn.functional.avg_pool2d(x, 3), scale_factor=3)
    )
    measured = measure(chain(conv(3, 2), coarser), 4)
    assert measured.specs[0].grid.stride == (2, 2)
    assert measured.step == 6


def test_a_trace_is_of_one_size() -> None:
    found = trace(conv(3, 2).to("meta"), (1, 4, 33, 40))
    assert found.shapes == [(1, 4, 17, 20)]
    assert isinstance(measure(conv(), 4), Measurement)
