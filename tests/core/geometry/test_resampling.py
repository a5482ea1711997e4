"""Resampling is exact interpolation, and includes FCN's deconvolution and crop."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.geometry import resampling
from pluxel.core.geometry.grid import Border, Grid
from pluxel.core.geometry.resampling import _stored, resample
from pluxel.core.geometry.scores import Scores
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn import functional


def scores(grid: Grid, height: int = 7, width: int = 6, channels: int = 3) -> Scores:
    generator = torch.Generator().manual_seed(0)
    tensor = torch.randn(2, channels, height, width, dtype=torch.float64, generator=generator)
    return Scores(tensor, grid)


def oracle(source: Scores, size: tuple[int, int], grid: Grid, border: Border) -> Tensor:
    """Evaluate the sum that defines linear interpolation, cell by cell, at exact positions."""
    weights = []
    for axis in (0, 1):
        cells = source.tensor.shape[axis - 2]
        rows = []
        for target in range(size[axis]):
            pixel = grid.offset[axis] + grid.stride[axis] * target
            at = (pixel - source.grid.offset[axis]) / source.grid.stride[axis]
            if border == "replicate":
                at = min(max(at, Fraction(0)), Fraction(cells - 1))
            rows.append([float(max(Fraction(0), 1 - abs(at - i))) for i in range(cells)])
        weights.append(torch.tensor(rows, dtype=torch.float64))
    return torch.einsum("yi,nciw,xw->ncyx", weights[0], source.tensor, weights[1])


strides = st.fractions(Fraction(1, 3), 40, max_denominator=6)
offsets = st.fractions(-30, 30, max_denominator=16)
grids = st.builds(Grid, st.tuples(strides, strides), st.tuples(offsets, offsets))
borders = st.sampled_from(["replicate", "zeros"])


@pytest.mark.slow
@settings(max_examples=100)
@given(
    grids, grids, st.tuples(st.integers(1, 9), st.integers(1, 9)), borders, st.sampled_from([1, 64])
)
def test_resampling_equals_the_defining_sum(
    source: Grid, target: Grid, size: tuple, border: Border, block: int
) -> None:
    coarse = scores(source, 4, 5)
    coarse.tensor.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "BLOCK", block)
        resampled = resample(replace(coarse, border=border), size, grid=target)
    expected = oracle(coarse, size, target, border)
    torch.testing.assert_close(resampled, expected)
    gradients = [
        torch.autograd.grad(result.pow(2).sum(), coarse.tensor)[0]
        for result in (resampled, expected)
    ]
    torch.testing.assert_close(*gradients)


def bilinear_kernel(size: int) -> Tensor:
    """Return the kernel of FCN's weight filler (surgery.upsample_filt)."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    taps = 1 - (torch.arange(size, dtype=torch.float64) - center).abs() / factor
    return torch.outer(taps, taps)


@pytest.mark.parametrize(
    ("network", "stride", "offset", "kernel"),
    [
        ("VGG16, pad 100", 32, Fraction(25, 2), 64),
        ("VGG16, pad 1", 32, Fraction(31, 2), 64),
        ("VGG16, 16s", 16, Fraction(-23, 2), 32),
        ("VGG16, 8s", 8, Fraction(-55, 2), 16),
        ("AlexNet, pad 100", 32, 13, 63),
        ("GoogLeNet", 32, 30, 63),
        ("ResNet", 32, 0, 63),
    ],
)
def test_resampling_equals_deconvolution_and_crop_of_fcn(
    network: str, stride: int, offset: Fraction, kernel: int
) -> None:
    coarse = scores(Grid(stride, offset))
    channels = coarse.tensor.shape[1]
    # Caffe's layer is dense, but FCN fills only its diagonal.
    weight = torch.zeros(channels, channels, kernel, kernel, dtype=torch.float64)
    weight[range(channels), range(channels)] = bilinear_kernel(kernel)
    full = functional.conv_transpose2d(coarse.tensor, weight, stride=stride)
    cut = -coarse.grid.deconv(kernel, stride).offset[0]
    assert cut.denominator == 1, network
    first = max(int(cut), 0)
    grid = Grid(1, first - int(cut))
    height, width = (cells - first for cells in full.shape[-2:])
    coarse = replace(coarse, border="zeros")
    found = resample(coarse, (height, width), grid=grid)
    torch.testing.assert_close(found, full[..., first:, first:], rtol=0, atol=1e-12)
    single = resample(replace(coarse, tensor=coarse.tensor.float()), (height, width), grid=grid)
    torch.testing.assert_close(single.double(), full[..., first:, first:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_resampling_after_pools_equals_bilinear_interpolation(factor: int) -> None:
    coarse = scores(Grid(factor, Fraction(factor - 1, 2)))
    size = (7 * factor, 6 * factor)
    usual = functional.interpolate(coarse.tensor, size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resample(coarse, size), usual)


@given(borders)
def test_resampling_to_the_same_grid_changes_nothing(border: Border) -> None:
    same = replace(scores(Grid(5, 3)), border=border)
    assert torch.equal(resample(same, (7, 6), grid=Grid(5, 3)), same.tensor)


def test_a_shifted_grid_of_the_same_size_is_resampled() -> None:
    shifted = resample(scores(Grid(5, 3)), (7, 6), grid=Grid(5, 8))
    torch.testing.assert_close(shifted[..., :-1, :-1], scores(Grid(5, 3)).tensor[..., 1:, 1:])


def test_replicated_borders_keep_constants_and_zero_borders_do_not() -> None:
    flat = Scores(torch.ones(1, 1, 3, 3), Grid(8, Fraction(7, 2)))
    assert torch.equal(resample(flat, (24, 24)), torch.ones(1, 1, 24, 24))
    assert resample(replace(flat, border="zeros"), (24, 24))[0, 0, 0, 0] < 1


def test_a_coarser_grid_gets_interpolated_values() -> None:
    ramp = Scores(torch.arange(16.0).view(1, 1, 1, 16).expand(1, 1, 16, 16), Grid())
    found = resample(ramp, (4, 4), grid=Grid(4, Fraction(3, 2)))
    assert found[0, 0, 0].tolist() == [1.5, 5.5, 9.5, 13.5]


def test_positions_do_not_drift_over_long_axes() -> None:
    coarse = Scores(torch.zeros(1, 1, 1, 40_001), Grid((1, Fraction(7, 3)), (0, Fraction(1, 3))))
    coarse.tensor[..., 40_000] = 1
    last = Fraction(1, 3) + Fraction(7, 3) * 40_000
    grid = Grid(1, (0, last - 1))
    found = resample(coarse, (1, 3), grid=grid)[0, 0, 0]
    torch.testing.assert_close(found, torch.tensor([4 / 7, 1.0, 1.0]))


def test_gradients_are_correct() -> None:
    coarse = scores(Grid(Fraction(5, 2), 1), 3, 4, channels=1)
    coarse.tensor.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda tensor: resample(Scores(tensor, coarse.grid), (9, 8)), coarse.tensor
    )
    assert torch.autograd.gradgradcheck(
        lambda tensor: resample(Scores(tensor, coarse.grid), (9, 8)).square(), coarse.tensor
    )


def test_half_precision_becomes_float32_and_autocast_is_ignored() -> None:
    coarse = scores(Grid(8, Fraction(7, 2)))
    exact = resample(coarse, (50, 40))
    half = Scores(coarse.tensor.bfloat16(), coarse.grid)
    with torch.autocast("cpu", torch.bfloat16):
        found = resample(half, (50, 40))
        single = resample(Scores(coarse.tensor.float(), coarse.grid), (50, 40))
    assert found.dtype == single.dtype == torch.float32
    torch.testing.assert_close(single, exact.float())


def test_float32_precision_is_not_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = scores(Grid(8, Fraction(7, 2)), 60, 50)
    exact = resample(coarse, (480, 400)).float()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        single = resample(replace(coarse, tensor=coarse.tensor.float()), (480, 400))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(single, exact, rtol=0, atol=2e-6)


def test_the_result_is_the_same_every_time() -> None:
    coarse = Scores(scores(Grid(32, 0)).tensor.float().requires_grad_(), Grid(32, 0))
    runs = []
    for _ in range(2):
        found = resample(coarse, (200, 160))
        runs.append((found, *torch.autograd.grad(found.square().sum(), coarse.tensor)))
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


class TestMatricesAreCachedSafely:
    """Matrices are cached between calls, and every call can use a cached matrix."""

    grid = Grid(16, Fraction(15, 2))

    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        _stored.cache_clear()

    def run(self, device: str = "cpu") -> Tensor:
        # Autograd asks the driver of CUDA, even for tensors without data.
        asks = device == "cuda"
        tensor = torch.ones(1, 2, 3, 3, device=device, requires_grad=not asks)
        found = resample(Scores(tensor, self.grid), (48, 48))
        if not asks:
            found.sum().backward()
        return found

    def test_matrices_are_cached(self) -> None:
        self.run()
        self.run()
        assert _stored.cache_info().misses == 1  # both axes are alike, both ways
        assert _stored.cache_info().hits == 7

    def test_gradients_work_after_inference_mode(self) -> None:
        with torch.inference_mode():
            resample(Scores(torch.ones(1, 2, 3, 3), self.grid), (48, 48))
        assert torch.equal(self.run(), torch.ones(1, 2, 48, 48))

    def test_fake_tensors_are_not_cached(self, fake_gpu: str) -> None:
        for device in ("cpu", fake_gpu):
            with FakeTensorMode():
                fake = self.run(device)
            assert isinstance(fake, FakeTensor)
            assert fake.device.type == device
            assert type(self.run()) is Tensor
            with FakeTensorMode():
                assert isinstance(self.run(device), FakeTensor)

    def test_meta_and_real_tensors_do_not_mix(self) -> None:
        with torch.device("meta"):
            assert self.run("meta").is_meta
            real = resample(Scores(torch.ones(1, 2, 3, 3, device="cpu"), self.grid), (48, 48))
        assert torch.equal(real, torch.ones(1, 2, 48, 48))
        assert torch.equal(self.run(), torch.ones(1, 2, 48, 48))

    def test_images_of_many_sizes_do_not_fill_the_memory(self) -> None:
        sizes = range(300, 500)
        small = Scores(torch.ones(1, 1, 3, 3), self.grid)
        resample(small, (300, 300))
        tracemalloc.start()
        for width in sizes:
            resample(small, (300, width))
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert _stored.cache_info().currsize <= 64
        assert kept < len(sizes) * 1000, "NumPy's arrays are cached as well"
