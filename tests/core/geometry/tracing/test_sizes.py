"""Measuring finds the image sizes that a network accepts, and the multiples that it needs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.tracing import measure
from pluxel.registry import PluxelError
from torch import Tensor, nn
from torch.nn import functional

from .networks import Net, chain, conv


class Same(nn.Module):
    """A convolution padded as TensorFlow does: evenly, with an odd cell at the end."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.layer = conv(kernel, stride, padding=0)

    def forward(self, image: Tensor) -> Tensor:
        kernel, stride = self.layer.kernel_size[0], self.layer.stride[0]
        total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in image.shape[-2:]]
        (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
        return self.layer(functional.pad(image, (left, right, top, bottom)))


def test_size_dependent_padding_needs_multiples() -> None:
    measured = measure(chain(Same(3, 2), Same(3, 2), Same(5, 2)), 4)
    assert measured.pad_multiple == 8
    assert measured.specs[0].grid == Grid(8, 1 + 2 + 4)


def test_size_dependent_padding_of_a_probed_network_needs_multiples() -> None:
    network = Net(lambda x, a: a(x)[:, torch.tensor([0, 1])], chain(Same(3, 2), Same(3, 2)))
    measured = measure(network, 4)
    assert (measured.pad_multiple, measured.specs[0].source) == (4, "probed")
    assert measured.specs[0].grid == Grid(4, 3)


def test_constant_padding_needs_no_multiples() -> None:
    assert measure(chain(Same(3, 1), conv(3, 2)), 4).pad_multiple == 1


def test_whole_windows_need_multiples_of_their_size() -> None:
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


def test_a_network_for_one_size_is_rejected_with_its_own_error() -> None:
    def fixed(image: Tensor) -> Tensor:
        if image.shape[-1] != 224:
            raise ValueError("the width must be 224 pixels")
        return image

    with pytest.raises(PluxelError) as caught:
        measure(Net(fixed), 4)
    assert str(caught.value) == (
        "the network must accept images of any size, but it fails for "
        "448×896, 512×1024, 480×960 pixels (height × width)\n"
        "  note: ValueError: the width must be 224 pixels"
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
def test_maps_of_constant_size_are_rejected(function: Callable) -> None:
    with pytest.raises(PluxelError, match="map 0 of the network does not grow with the image"):
        measure(Net(function), 4)


def test_the_step_covers_all_layers() -> None:
    coarser = Net(
        lambda x: nn.functional.interpolate(nn.functional.avg_pool2d(x, 3), scale_factor=3)
    )
    measured = measure(chain(conv(3, 2), coarser), 4)
    assert measured.specs[0].grid.stride == (2, 2)
    assert measured.step == 6
