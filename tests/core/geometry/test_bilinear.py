"""Kernels of linear interpolation."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.geometry.bilinear import bilinear_kernel, bilinear_taps


@pytest.mark.parametrize("size", [1, 2, 3, 4, 15, 16, 63, 64])
def test_taps(size: int) -> None:
    """As FCN's filler: the taps of every phase sum to 1, and the kernel is centered."""
    taps, factor = bilinear_taps(size), (size + 1) // 2
    torch.testing.assert_close(taps, taps.flip(0))
    for phase in range(factor):
        assert taps[phase::factor].sum().item() == pytest.approx(1)


def test_published_taps() -> None:
    assert bilinear_taps(4).tolist() == [0.25, 0.75, 0.75, 0.25]
    assert bilinear_taps(64).max().item() == 63 / 64
    assert bilinear_taps(63)[[0, 31]].tolist() == [1 / 32, 1]


def test_a_kernel_is_a_product_of_taps() -> None:
    found = bilinear_kernel(4, 3)
    assert found.dtype == torch.float32
    assert found[:, 1].tolist() == [0.25, 0.75, 0.75, 0.25]
    assert found[0].tolist() == [0.125, 0.25, 0.125]
