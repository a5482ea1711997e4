"""The error for a layer that does not commute with shifts gives its name and the reason."""

from __future__ import annotations

import re

import pytest
import torch
from pluxel.core.geometry.dilation import NotEquivariant
from torch import Tensor, nn
from torch.nn import functional

from .networks import Dilated, small

MOVES = "it moves or combines cells over a distance that cannot be dilated"


class Squeeze(nn.Module):
    """Scales channels by their means over the whole map."""

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


class PadsToSize(nn.Module):
    """Pads to an even number of columns."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return functional.pad(self.scale * image, (0, 1 if image.shape[-1] % 2 else 0))


class Transposed(nn.Module):
    """Combines neighbors as a convolution does, but cannot be dilated."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3))

    def forward(self, image: Tensor) -> Tensor:
        return functional.conv_transpose2d(image, self.weight, padding=1)


class Sized(nn.Module):
    """Pools with an argument that depends on the image; a weight makes fx trace into it."""

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
    """Adds maps of different strides, cropped to the same size."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Conv2d(4, 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        down = functional.max_pool2d(self.up(image), 1, 2)
        return down + image[:, :, : down.shape[2], : down.shape[3]]


class EveryOther(nn.Module):
    """Skips cells without combining neighbors."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return (self.scale * image)[:, :, ::2, ::2]


class FitsByStrides(nn.Module):
    """Adds maps whose sizes match only with their strides."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(4, 4, 2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return self.score(image) + functional.max_pool2d(image, 3, 2, 1)


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
        (nn.InstanceNorm2d(4), "layer 1 (1): it normalizes by statistics of the batch"),
        (
            nn.BatchNorm2d(4, track_running_stats=False),
            "layer 1 (1): it normalizes by statistics of the batch",
        ),
        (nn.AdaptiveAvgPool2d(1), "layer 1 (1): each of its values depends on the whole image"),
        (Depends(), "layer 1 (1): it cannot be traced: Tensor.item() cannot be called on meta"),
        (
            nn.Sequential(nn.Conv2d(4, 4, 1), PadsToSize()),
            "layer 1.1 (PadsToSize): it decides by the size or the values of a map, as "
            "TensorFlow's padding 'same' does",
        ),
        (Fails(), "layer 1 (Fails): it cannot be traced: AssertionError"),
        (Fuses(), f"layer 1 (interpolate): {MOVES}"),
        (Joins(), "layer 1 (add): it combines maps of different strides"),
        (
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
            "layer 1 (1): it pads with mode 'reflect'",
        ),
        (nn.ReplicationPad2d(1), f"layer 1 (1): {MOVES}"),
        (nn.ConvTranspose2d(4, 4, 3, padding=1), f"layer 1 (1): {MOVES}"),
        (Transposed(), f"layer 1 (conv_transpose2d): {MOVES}"),
        (Sized(), "layer 1 (max_pool2d): its arguments depend on the image"),
        (PadsChannels(), "layer 1 (pad): it pads channels"),
        (EveryOther(), f"layer 1 (getitem): {MOVES}"),
        (FitsByStrides(), "without its strides, the sizes of its maps do not match: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_the_error_names_a_layer_that_does_not_commute_with_shifts(
    layer: nn.Module, message: str
) -> None:
    with pytest.raises(NotEquivariant, match=re.escape(message)):
        Dilated(small(layer), 3, 1)


def replaced() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    usual = layer.forward
    layer.forward = lambda image: 2 * usual(image)
    return layer


def test_a_layer_that_combines_neighbors_in_its_own_code_is_rejected() -> None:
    with pytest.raises(NotEquivariant, match=MOVES):
        Dilated(small(replaced()), 3, 1)


def test_a_network_whose_maps_come_from_hooks_is_rejected() -> None:
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

    with pytest.raises(
        NotEquivariant, match="the network returns no maps; perhaps hooks remove them"
    ):
        Dilated(Hooked(), 3, 1)
