"""Every remainder of a size by the stride that may round differently is tried."""

from __future__ import annotations

import pytest
import torch
from pluxel.core import measure
from pluxel.core.geometry.tracing._dispatch import trace
from pluxel.core.geometry.tracing._replica import on_meta, replica
from pluxel.core.geometry.tracing._roundings import keep_one_size
from torch import Tensor, nn

from .networks import chain, conv


class Branches(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, image: Tensor) -> Tensor:
        first, *others = (branch(image) for branch in self.branches)
        for other in others:
            first = first + other
        return first


def two_steps() -> nn.Module:
    """Compute ⌊(n + 2) / 4⌋ cells of n."""
    return chain(nn.MaxPool2d(2), conv(3, 2))


def one_step(kernel: int | tuple[int, int], padding: int = 1) -> nn.Module:
    """Compute ⌊(n + 4 + 2 padding - kernel) / 4⌋ cells of n."""
    return nn.Conv2d(4, 4, kernel, 4, padding)


def levels(count: int) -> list[nn.Module]:
    return [conv(3, 2) for _ in range(count)]


def fails(network: nn.Module, height: int, width: int) -> bool:
    try:
        replica(network, on_meta)(torch.zeros(1, 4, height, width, device="meta"))
    except RuntimeError:
        return True
    return False


DIFFERENT = {
    "by remainder 2 only": (chain(Branches(two_steps(), one_step(5))), 4),
    "by one factor": (chain(Branches(one_step(4), one_step(5))), 4),
    "in the height only": (chain(Branches(two_steps(), one_step((5, 4)))), 4),
    "in the width only": (chain(Branches(two_steps(), one_step((4, 5)))), 4),
    "deep in a network": (chain(*levels(3), Branches(two_steps(), one_step(5))), 32),
    "before the last stride": (chain(Branches(two_steps(), one_step(5)), *levels(2)), 16),
    "up and down": (chain(Branches(chain(conv(3, 2), nn.Upsample(scale_factor=2)), conv(3, 1))), 2),
}


@pytest.mark.parametrize(("network", "multiple"), DIFFERENT.values(), ids=DIFFERENT)
def test_branches_that_round_differently_need_multiples(network: nn.Module, multiple: int) -> None:
    assert measure(network, 4).pad_multiple == multiple
    sizes = [(64 + rest, 64 + other) for rest in range(multiple) for other in (0, rest)]
    assert any(fails(network, *size) or fails(network, *reversed(size)) for size in sizes)
    assert not fails(network, 3 * multiple + 64, 64)


SAME = {
    "one branch": chain(*levels(2), nn.MaxPool2d(2), conv(4, 3)),
    "equal branches": chain(*levels(2), Branches(conv(3, 2), conv(5, 2), conv(1, 2))),
    "one step like two": chain(Branches(two_steps(), one_step(4))),
    "cropped": chain(Branches(chain(conv(3, 1, 0), conv(3, 2)), chain(conv(3, 1, 0), conv(1, 2)))),
    "floors": chain(Branches(nn.MaxPool2d(2), nn.AvgPool2d(2)), nn.MaxPool2d(2)),
}


@pytest.mark.parametrize("network", SAME.values(), ids=SAME)
def test_branches_that_round_alike_need_no_multiples(network: nn.Module) -> None:
    assert measure(network, 4).pad_multiple == 1
    assert not any(fails(network, 64 + rest, 64) for rest in range(36))


@pytest.mark.parametrize(
    ("network", "proven"),
    [
        *((network, name != "one step like two") for name, network in SAME.items()),
        *((network, False) for name, (network, _) in DIFFERENT.items() if name != "up and down"),
    ],
)
def test_two_runs_prove_one_size_only_if_no_remainder_is_missing(network, proven) -> None:
    copy = replica(network, on_meta)
    runs = [trace(copy, (1, 4, size, size)) for size in (384, 385)]
    assert keep_one_size([run.roundings for run in runs]) == proven
