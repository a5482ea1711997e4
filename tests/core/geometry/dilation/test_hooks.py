"""Hooks are part of a network: they keep its maps, change them, or set the weights of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from pluxel.core.geometry.dilation import NotEquivariant
from torch import Tensor, nn
from torch.nn.utils import prune, weight_norm

from .networks import EXACT, Dilated, small

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")


class Kept:
    """Keeps what hooks receive, by device, as timm's extractors do."""

    def __init__(self) -> None:
        self.maps: dict[torch.device, dict[str, Tensor]] = {}

    def keep(self, name: str, *arguments: Any) -> None:
        found = arguments[-1]
        found = found[0] if isinstance(found, tuple) else found
        self.maps.setdefault(found.device, {})[name] = found

    def taken(self, device: torch.device) -> list[Tensor]:
        return [*self.maps.pop(device, {}).values()]


class Extractor(nn.Module):
    """The maps after some layers of a classifier, and before one of them."""

    def __init__(self, body: nn.Module, after: Sequence[str], before: Sequence[str] = ()) -> None:
        super().__init__()
        self.body, self.kept = body, Kept()
        for name in after:
            hook = partial(self.kept.keep, name)
            self.body.get_submodule(name).register_forward_hook(hook)
        for name in before:
            hook = partial(self.kept.keep, f"before {name}")
            self.body.get_submodule(name).register_forward_pre_hook(hook)

    def forward(self, image: Tensor) -> list[Tensor]:
        self.body(image)
        return self.kept.taken(image.device)


def classifier() -> nn.Module:
    def block(before: int, after: int) -> nn.Module:
        conv = nn.Conv2d(before, after, 3, 2, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))

    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 7)]
    return nn.Sequential(block(3, 4), block(4, 6), nn.MaxPool2d(3, 2, 1), block(6, 5), *head)


@torch.no_grad()
def check(network: nn.Module, output_stride: int, size: tuple[int, int] = (45, 62)) -> None:
    """Check all dense maps: every cell of the network is one of them, on fragments as well."""
    network = network.double().eval()
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    dilated = Dilated(network, 3, output_stride)
    coarse, dense, fragments = network(image), dilated(image), dilated.by_fragments(image)
    pairs = [coarse], [dense], [fragments]
    lists = [x if isinstance(x[0], Tensor) else [*x[0]] for x in pairs]
    for few, many, parts, plan in zip(*lists, dilated.maps, strict=True):
        (vertical, horizontal) = plan.rate
        torch.testing.assert_close(many[:, :, ::vertical, ::horizontal], few, **EXACT)
        torch.testing.assert_close(parts, many, **EXACT)


@pytest.mark.parametrize("output_stride", [1, 2, 4, 8])
def test_maps_that_hooks_keep(output_stride: int) -> None:
    names = ["0.1", "0.2", "1", "2", "3.0"]  # norms, activations, containers, pools, convolutions
    check(Extractor(classifier(), names, before=["1.0", "3.1"]), output_stride)


@pytest.mark.parametrize(("index", "factor"), [(0, 2), (1, 4)])
def test_dense_maps_of_hooks_equal_shift_and_stitch_in_the_interior(
    index: int, factor: int
) -> None:
    network = Extractor(classifier(), ["2", "3.0"]).double().eval()
    image = torch.randn(1, 3, 160, 176, dtype=torch.float64)
    inner = (..., slice(3, 7), slice(3, 7))  # cells whose receptive fields lie inside the image
    with torch.no_grad():
        dense = Dilated(network, 3, 4)(image)[index]
        for y in range(factor):
            for x in range(factor):
                shifted = network(image[:, :, 4 * y :, 4 * x :])[index]
                part = dense[:, :, y::factor, x::factor]
                torch.testing.assert_close(part[inner], shifted[inner], **EXACT)


def test_a_classifier_after_the_last_map_may_see_the_whole_image() -> None:
    body = nn.Sequential(classifier(), nn.Linear(7, 7))
    check(Extractor(body, ["0.3"]), 2)


def test_a_map_that_sees_the_whole_image_is_refused_although_a_hook_keeps_it() -> None:
    with pytest.raises(NotEquivariant, match=r"layer body\.4 \(adaptive_avg_pool2d\): each"):
        Dilated(Extractor(classifier(), ["2", "4"]), 3, 1)


def doubling(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda _module, _inputs, result: 2 * result)
    return layer


def shifting(layer: nn.Module) -> nn.Module:
    layer.register_forward_pre_hook(lambda _module, inputs: (inputs[0] + 1,))
    return layer


class Pool(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.max_pool2d(image, 3, 2, 1)


class Half(nn.Module):
    """A module without tensors, and without windows."""

    def forward(self, image: Tensor) -> Tensor:
        return image / 2


@pytest.mark.parametrize("hooked", [doubling, shifting])
@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Conv2d(4, 4, 3, 2, padding=1),
        lambda: nn.AvgPool2d(3, 2, 1),
        lambda: nn.BatchNorm2d(4),
        lambda: nn.ReLU(inplace=True),
        Pool,
        Half,
    ],
    ids=["convolution", "pool", "norm", "activation", "bare pool", "bare"],
)
def test_hooks_that_change_maps_run_once(
    layer: Callable[[], nn.Module], hooked: Callable[[nn.Module], nn.Module]
) -> None:
    check(small(hooked(layer()), nn.Conv2d(4, 2, 3, padding=1)), 1, size=(20, 23))


@pytest.mark.parametrize(
    "changed", [weight_norm, lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5)]
)
def test_hooks_that_set_weights(changed: Callable[[nn.Module], nn.Module]) -> None:
    layer = changed(nn.Conv2d(4, 4, 3, 2, padding=1))
    network = small(layer)
    check(network, 1, size=(20, 23))
    dilated = Dilated(network, 3, 1)
    with torch.no_grad():  # the hooks compute the weights anew
        for parameter in layer.parameters():
            parameter.mul_(1.5)
        image = torch.randn(1, 3, 20, 23, dtype=torch.float64)
        fragments = dilated.by_fragments(image)
        torch.testing.assert_close(fragments, dilated(image), **EXACT)


def test_a_hook_added_later_does_not_run_on_fragments() -> None:
    network = small(nn.Conv2d(4, 4, 3, padding=1))
    dilated = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    before = dilated.by_fragments(image)
    doubling(network[1])
    torch.testing.assert_close(dilated.by_fragments(image), before)
