"""Positions are computed from the operations of a network, and agree with its gradients."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import inf

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.tracing import Measurement, measure
from pluxel.core.geometry.tracing._dispatch import trace
from pluxel.core.geometry.tracing._probing import probe
from torch import Tensor, nn
from torch.nn import functional

from .networks import HALF, Net, chain, conv, decide_by_norm, only, residual

# Networks with known positions, as (network, stride, offset, receptive field).
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
def test_positions_after_layers(name: str) -> None:
    network, stride, offset, field = KNOWN[name]
    spec = only(network)
    assert spec.grid == Grid(stride, offset)
    assert spec.receptive_field == (field, field)
    assert spec.source == "computed"


def test_axes_are_followed_separately() -> None:
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
def test_positions_after_graphs_of_layers(name: str) -> None:
    network, stride, offset, field = GRAPHS[name]
    spec = only(network)
    assert spec.grid == Grid(stride, offset)
    assert spec.receptive_field == (field, field)
    assert spec.source == "computed"


def test_the_sum_of_shifted_branches_is_in_the_middle_of_the_receptive_field() -> None:
    """ResNet-D adds shortcuts that average 2×2 cells to 3×3 convolutions of stride 2."""
    spec = only(Net(residual, conv(3, 2), nn.AvgPool2d(2)))
    assert (spec.grid, spec.receptive_field) == (Grid(2, 0), (3, 3))
    apart = only(Net(residual, conv(1, 2), nn.AvgPool2d(2)))
    assert (apart.grid, apart.receptive_field) == (Grid(2, HALF), (2, 2))


def test_an_upsampled_branch_does_not_move_a_sharp_one() -> None:
    """HRNet upsamples maps of stride 32 and adds them to maps of stride 4."""
    coarse = chain(conv(3, 4), nn.Upsample(scale_factor=4))
    spec = only(Net(residual, conv(), coarse))
    assert spec.grid == Grid(1, 0)
    assert spec.receptive_field == (9, 9)  # the upsampled cell covers 4 pixels before, 1 after


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


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(windows, min_size=1, max_size=3), st.sampled_from([None, 1, 2]))
def test_computed_equals_probed(layers: list[tuple], finer: int | None) -> None:
    network = chain(*(random_layer(*layer) for layer in layers))
    if finer:  # at the end, because a later stride would skip some of the united phases
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


def test_in_place_operations_on_whole_tensors_keep_positions() -> None:
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
def test_filters_computed_from_the_image_depend_on_the_whole_image(
    function: Callable, source: str
) -> None:
    spec = only(Net(function, conv()))
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(2), (inf, inf), source)


def test_rolling_shifts_positions() -> None:
    spec = only(Net(lambda x, a: a(x).roll((1, -2), (2, 3)), conv(3, 2)))
    assert spec.grid == Grid(2, (-2, 4))
    back = only(Net(lambda x, a: a(x).roll(1, 2).relu().roll(-1, 2), conv(3, 2)))
    assert back.grid == Grid(2)


def test_norms_run_if_there_is_data() -> None:
    """If control flow depends on data, the data must be correct."""
    network = Net(decide_by_norm, nn.BatchNorm2d(4), conv(3, 2), conv(3, 4))
    assert only(network).grid == Grid(2)


def test_tensors_that_are_plain_attributes_are_copied() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.scale = conv(3, 2), torch.ones(1, 4, 1, 1)

        def forward(self, image: Tensor) -> Tensor:
            return self.layer(image) * self.scale

    assert only(Holder()).source == "computed"


def test_control_flow_may_depend_on_data() -> None:
    def decide(image: Tensor, first: nn.Module, second: nn.Module) -> Tensor:
        return first(image) if image.sum() >= 0 else second(image)

    spec = only(Net(decide, conv(3, 2), conv(3, 4)))
    assert (spec.grid, spec.source) == (Grid(2), "computed")


def test_a_trace_contains_shapes_for_one_size() -> None:
    traced = trace(conv(3, 2).to("meta"), (1, 4, 33, 40))
    assert traced.shapes == [(1, 4, 17, 20)]
    assert isinstance(measure(conv(), 4), Measurement)
