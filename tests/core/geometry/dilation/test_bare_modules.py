"""Modules without tensors may call pools, which are dilated."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.geometry.dilation import Dilation
from pluxel.registry import PluxelError
from torch import Tensor, nn
from torch.nn import functional


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 3, 2, 1)


class PaddedPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(x, (0, 1, 0, 1)), 2, 2)


class BothPools(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        half = x[:, :2]
        pools = functional.max_pool2d, functional.avg_pool2d
        return torch.cat([pool(half, 2, 2) for pool in pools], 1)


class Subclass(nn.MaxPool2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class Same(nn.MaxPool2d):
    """A pool with additional padding."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return super().forward(functional.pad(input, (0, 2, 0, 2)))


class AddsMaxima(nn.Module):
    """Adds the maxima of its second operand to the first one."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return first + functional.max_pool2d(second, 3, 1, 1)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.score, self.join = nn.Conv2d(4, 4, 1, 2), AddsMaxima()

    def forward(self, image: Tensor) -> Tensor:
        return self.join(self.score(image), self.score(image.relu()))


class Slices(nn.Module):
    """Calls slices of its layers, which are modules of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2:](self.layers[:2](x))


class OtherInTraining(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2) if not self.training else functional.avg_pool2d(x, 2)


def network(pool: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), pool, nn.Conv2d(4, 4, 3, padding=1)).eval()


POOLS = [
    Pool(),
    PaddedPool(),
    BothPools(),
    Subclass(3, 2, 1),
    Same(3, 2),
    Branches(),
    Slices(),
    OtherInTraining(),
]


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
@torch.no_grad()
def test_dilated_pools_give_the_coarse_scores_and_those_of_fragments(pool: nn.Module) -> None:
    net, image = network(pool), torch.randn(1, 3, 64, 96)
    dilation = Dilation(net, 3, 2)
    dense = dilation(net, image, net.children())
    assert dense.shape[-1] in (47, 48)
    torch.testing.assert_close(dense[..., ::2, ::2], net(image))
    torch.testing.assert_close(dense, dilation.by_fragments(net, image))


def test_other_layers_in_training_are_refused_there() -> None:
    net = network(OtherInTraining())
    dilation = Dilation(net, 3, 2)
    with pytest.raises(PluxelError, match="different layers in training"):
        dilation(net, torch.zeros(1, 3, 64, 96), net.train().children())
