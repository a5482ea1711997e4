"""A layer that does not commute with shifts is refused, with its name and the reason."""

from __future__ import annotations

import re

import pytest
import torch
from pluxel.core.geometry.dilation import Dilated, NotEquivariant
from torch import Tensor, nn
from torch.nn import functional

from .networks import small

MOVES = "it moves cells, or looks around, by a distance of its own"


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
def test_a_layer_with_its_own_neighborhood_is_refused(layer: nn.Module) -> None:
    with pytest.raises(NotEquivariant, match=MOVES):
        Dilated(small(layer), 3, 1)


def test_a_network_whose_maps_come_from_hooks_is_refused() -> None:
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
