"""A dilated network uses the weights and the mode of its original network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pluxel.registry import PluxelError
from torch import Tensor, nn
from torch.nn import functional

from .networks import Dilated, FunctionalDropout, small


def test_gradients_reach_the_networks_own_weights() -> None:
    network = small(nn.Conv2d(4, 2, 3, padding=1))
    dilated = Dilated(network, 3, 1)
    dense = dilated(torch.randn(1, 3, 9, 9))
    assert isinstance(dense, Tensor)
    dense.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_weights_follow_the_network() -> None:
    network = small()
    dilated = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    network.double()
    nn.init.zeros_(network[0].weight)
    found = dilated(image.double())
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, network[0].bias.view(1, -1, 1, 1).expand_as(found))


def test_a_copy_runs_on_the_copied_weights() -> None:
    network = small()
    pair = {"network": network, "dilated": Dilated(network, 3, 1)}
    twin = copy.deepcopy(pair)
    nn.init.zeros_(twin["network"][0].weight)
    image = torch.randn(1, 3, 9, 9)
    assert not torch.equal(twin["dilated"](image), pair["dilated"](image))


def test_stochastic_layers_follow_the_mode_of_the_network() -> None:
    network = small(nn.Dropout(0.5))
    dilated = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(dilated(image), dilated(image))
    network.train()
    assert not torch.equal(dilated(image), dilated(image))


class DifferentInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        return (self.scale * image).relu() if self.training else self.scale * image


def test_functions_follow_the_mode_of_the_network() -> None:
    network = small(FunctionalDropout())
    dilated = Dilated(network, 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(dilated(image), dilated(image))
    network.train()
    assert not torch.equal(dilated(image), dilated(image))
    assert not torch.equal(dilated.by_fragments(image), dilated.by_fragments(image))


def test_a_network_with_different_layers_in_training_cannot_be_trained() -> None:
    network = small(DifferentInTraining())
    dilated = Dilated(network, 3, 1)
    dilated(torch.randn(1, 3, 9, 9))
    network.train()
    with pytest.raises(PluxelError, match="the network has different layers in training"):
        dilated(torch.randn(1, 3, 9, 9))


class DifferentArguments(nn.Module):
    """A layer with the same name but another kernel in training."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Tensor:
        size = 3 if self.training else 5
        return functional.max_pool2d(self.scale * image, size, 1, size // 2)


def test_different_arguments_in_training_are_noticed() -> None:
    network = small(DifferentArguments())
    dilated = Dilated(network, 3, 1)
    network.train()
    with pytest.raises(PluxelError, match="the network has different layers in training"):
        dilated(torch.randn(1, 3, 9, 9))


def test_the_mode_comes_from_the_layers_not_from_their_wrapper() -> None:
    class Wrapper(nn.Module):
        """A wrapper like those of decoders that run a backbone; nobody sets its mode."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            return self.network(image)

    network = small(FunctionalDropout())
    dilated = Dilated(Wrapper(network), 3, 1)
    image = torch.randn(1, 3, 9, 9)
    assert torch.equal(dilated(image), dilated(image))
    network.train()
    assert not torch.equal(dilated(image), dilated(image))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "whole"),
    [
        ([nn.Conv2d(4, 4, 3, 2), nn.AvgPool2d(3, 2, 1)], True),
        # torch.compile hides functional.pad, so this network runs uncompiled.
        ([nn.ZeroPad2d(1), nn.Conv2d(4, 4, 3)], False),
    ],
)
def test_a_compiled_network_has_the_same_result(layers: list[nn.Module], whole: bool) -> None:
    dilated = Dilated(small(*layers), 3, 1)
    image = torch.randn(1, 3, 24, 24)
    torch._dynamo.reset()
    compiled: Any = torch.compile(dilated, backend="eager", fullgraph=whole)
    torch.testing.assert_close(compiled(image), dilated(image), rtol=0, atol=0)


def test_averages_are_exact_under_autocast() -> None:
    dilated = Dilated(nn.Sequential(nn.AvgPool2d(3, 2), nn.AvgPool2d(3)), 3, 1)
    image = torch.randn(1, 3, 24, 24)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(dilated(image), dilated.by_fragments(image), rtol=0, atol=1e-6)
