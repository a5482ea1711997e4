"""Measuring a network does not change it, and needs no memory for its weights."""

from __future__ import annotations

import copy

import pytest
import torch
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.tracing import measure
from torch import Tensor, nn

from .networks import Net, chain, conv, decide_by_norm, only


def test_the_module_is_unchanged() -> None:
    network = chain(conv(), nn.BatchNorm2d(4), nn.Dropout()).train()
    network[2].eval()
    before = copy.deepcopy(network.state_dict())
    measure(network, 4)
    assert [part.training for part in network.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_run_leaves_no_trace_in_the_module() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.images = conv(), []

        def forward(self, image: Tensor) -> Tensor:
            self.last = image
            self.images.append(image)
            return self.layer(image)

    network = Remembers()
    measure(network, 4)
    assert network.images == []
    assert not hasattr(network, "last")


def test_parameters_may_be_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = Net(lambda x, a: a(x)[:, torch.tensor([0])], chain(conv(3, 2), nn.BatchNorm2d(4)))
    spec = only(network)
    assert (spec.grid, spec.source) == (Grid(2), "probed")
    assert next(network.parameters()).is_meta


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
    """`pluxel config check` does this; the measurement ignores the default device."""
    make, source = WITHOUT_DATA[name]
    with torch.device("meta"):
        measured = measure(make(), 4)
    (spec,) = measured.specs
    assert (spec.grid, spec.receptive_field, spec.source) == (Grid(2), (3, 3), source)
    assert measured == measure(make(), 4)
