"""Counting the memory of tensors without data."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.common.memory import peak_bytes, saved_bytes
from torch import nn


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_peak_is_what_exists_at_once(device: str) -> None:
    def chain() -> torch.Tensor:
        first = torch.zeros(100, device=device)
        second = first + 1  # 800 bytes
        del first
        third = second + 1  # 800 again
        view = third.view(10, 10)  # shares memory
        return view.mul_(2)

    assert peak_bytes(chain) == 800


def test_several_results_count() -> None:
    image = torch.zeros(1, 2, 8, 8, device="meta")
    # 32 float32 values, and their int64 indices.
    found = peak_bytes(lambda: nn.functional.max_pool2d(image, 2, return_indices=True))
    assert found == 32 * 4 + 32 * 8


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_saved_is_what_the_backward_pass_needs(device: str) -> None:
    conv = nn.Conv2d(2, 3, 3, device=device)
    image = torch.zeros(1, 2, 10, 10, device=device)
    given = [*conv.parameters(), image]
    # A convolution needs its input, which exists anyway; ReLU keeps its result.
    assert saved_bytes(lambda: conv(image), given) == 0
    assert saved_bytes(lambda: conv(image).relu(), given) == 3 * 64 * 4
    assert saved_bytes(lambda: conv(image).relu_(), given) == 3 * 64 * 4
    # The second convolution needs the result of ReLU, which is counted once.
    second = nn.Conv2d(3, 3, 1, device=device)
    given += [*second.parameters()]
    assert saved_bytes(lambda: second(conv(image).relu()), given) == 3 * 64 * 4


def test_frozen_weights_keep_nothing() -> None:
    conv = nn.Conv2d(2, 3, 3, device="meta").requires_grad_(False)
    image = torch.zeros(1, 2, 10, 10, device="meta")
    assert saved_bytes(lambda: conv(image).relu(), [*conv.parameters(), image]) == 0
