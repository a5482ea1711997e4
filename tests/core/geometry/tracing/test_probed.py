"""If an operation has no rule, positions are probed by gradients or assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import inf

import pytest
import torch
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.tracing import measure
from torch import Tensor, nn
from torch.nn import functional

from .networks import HALF, Net, chain, conv, only


class OnlyByGradients(torch.autograd.Function):
    """An operation without a rule, which moves the image by two pixels."""

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
    # Four phases cover the same 5 pixels; united around each phase, 3 to either side.
    "depth to space": (Net(shuffled, conv(5, 2)), Grid(1, -HALF), (6, 6)),
}


@pytest.mark.parametrize("name", PROBED)
def test_operations_without_a_rule_are_probed(name: str) -> None:
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
def test_attention_depends_on_the_whole_image_and_its_grid_is_assumed(token: bool) -> None:
    vit = Net(lambda x, a, b: attend(x, a, b, token), nn.Conv2d(4, 6, 8, 8), nn.Linear(6, 18))
    spec = only(vit)
    assert (spec.grid, spec.receptive_field) == (Grid(8, Fraction(7, 2)), (inf, inf))
    assert spec.source == "assumed"


def test_attention_is_not_probed(monkeypatch) -> None:
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


def test_tokens_of_overlapping_patches_keep_their_positions() -> None:
    vit = Net(lambda x, a, b: attend(x, a, b, False), conv(3, 2), nn.Linear(4, 12))
    assert only(vit).grid == Grid(2, 0)


def test_attention_by_matrix_products_is_recognized() -> None:
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
def test_writes_into_views_are_noticed(name: str) -> None:
    function, offset, field = WRITTEN[name]
    spec = only(Net(function, conv(1)))
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(1, offset), field, "probed")


def square(image: Tensor) -> Tensor:
    side = min(image.shape[-2:])
    return image[..., :side, :side]


# Results without regular positions must not be reported as computed.
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
def test_irregular_positions_are_not_reported_as_computed(name: str) -> None:
    spec = only(Net(IRREGULAR[name]))
    assert spec.source != "computed" or spec.receptive_field == (inf, inf)


def test_a_network_that_accepts_only_squares_is_probed_with_squares() -> None:
    def only_squares(image: Tensor, layer: nn.Module) -> Tensor:
        if image.shape[-1] > 2 * image.shape[-2] or image.shape[-2] > 2 * image.shape[-1]:
            raise ValueError("too narrow")
        return layer(image)[:, torch.tensor([0, 1])]

    spec = only(Net(only_squares, conv(3, 2)))
    assert (spec.grid, spec.source) == (Grid(2), "probed")


def test_branches_that_start_at_zero_are_noticed() -> None:
    """ResNets initialize the last scale of each branch to zero."""
    branch = chain(conv(5), nn.BatchNorm2d(4))
    nn.init.zeros_(branch[1].weight)
    network = Net(lambda x, a: (x + a(x))[:, torch.tensor([0, 1])], branch)
    assert only(network).receptive_field == (5, 5)


def test_the_random_state_is_unchanged() -> None:
    before = torch.random.get_rng_state()
    only(PROBED["index"][0])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_probing_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """With local attention, it may take minutes."""
    steps: list[str] = []

    @contextmanager
    def counted(description: str, total: int) -> Iterator[Callable[[], None]]:
        yield lambda: steps.append(f"{description}: {total}")

    monkeypatch.setattr("pluxel.core.geometry.tracing._probing.track", counted)
    measure(Net(lambda x, a: a(x)[:, torch.tensor([0, 1])], conv(3, 2)), 4)
    assert steps == ["measuring receptive fields: 2"] * 2
