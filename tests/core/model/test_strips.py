"""Strips of rows give the same results as full-resolution logits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.contracts.kinds import Loss
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.resampling import resample
from pluxel.core.geometry.scores import Scores
from pluxel.core.model import strips as fused
from pluxel.core.model.strips import bands, resampled_classes, resampled_loss, resampled_predictions
from pluxel.plugins.losses.cross_entropy import CrossEntropy
from pluxel.plugins.losses.dice import Dice
from pluxel.plugins.losses.focal import Focal
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

CLASSES, IGNORE = 4, 255
NAMES = [f"class{i}" for i in range(CLASSES)]
FREQUENCIES = [10, 20, 30, 40]
OPTIONS = [
    (CrossEntropy, {}),
    (CrossEntropy, {"reduction": "sum"}),
    (CrossEntropy, {"class_weights": "auto"}),
    (CrossEntropy, {"class_weights": "auto", "label_smoothing": 0.2}),
    (Focal, {"gamma": 1.5, "class_weights": {"class1": 3.0}}),
    (Dice, {}),  # not a loss per pixel: gets full logits
]


def build(kind: type, options: dict) -> Loss:
    if kind is Dice:
        return Dice(CLASSES, IGNORE, **options)
    return kind(CLASSES, IGNORE, NAMES, lambda: FREQUENCIES, **options)


def case(
    size: tuple[int, int] = (37, 29), grid: Grid | None = None, dtype: torch.dtype = torch.float64
) -> tuple[Scores, Tensor]:
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(2, CLASSES, 5, 4, generator=random, dtype=torch.float64).to(dtype)
    target = torch.randint(CLASSES, (2, *size), generator=random)
    target[torch.rand(target.shape, generator=random) < 0.2] = IGNORE
    return Scores(coarse.requires_grad_(), grid or Grid(8, Fraction(7, 2))), target


@pytest.fixture(params=[1, 3000, 1 << 30], ids=["row by row", "some rows", "at once"], autouse=True)
def _budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "STRIP_BYTES", {"cpu": request.param, "cuda": request.param})
    monkeypatch.setattr(fused, "BAND_BYTES", 3 * request.param)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_loss_and_gradient_equal_those_of_full_logits(kind: type, options: dict) -> None:
    scores, target = case()
    found = resampled_loss(build(kind, options), scores, target)
    (gradient,) = torch.autograd.grad(3 * found, scores.tensor)
    expected = build(kind, options)(resample(scores, (37, 29)), target)
    (slope,) = torch.autograd.grad(3 * expected, scores.tensor)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, slope, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_numerical_gradient() -> None:
    scores, target = case((9, 7))
    loss = build(CrossEntropy, {"class_weights": "auto"})
    assert torch.autograd.gradcheck(
        lambda tensor: resampled_loss(loss, Scores(tensor, scores.grid), target), scores.tensor
    )


strides = st.tuples(*[st.fractions(Fraction(1, 2), 20, max_denominator=4)] * 2)
offsets = st.tuples(*[st.fractions(-20, 20, max_denominator=8)] * 2)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.builds(Grid, strides, offsets), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_strips_together_equal_the_whole(grid: Grid, size: tuple[int, int]) -> None:
    scores, _ = case(grid=grid)
    whole = resample(scores, size)
    strips = [(band, strip) for band in bands(scores, size) for strip in band.strips]
    parts = [
        band.logits(strip).view(-1, 2, CLASSES, size[1]).permute(1, 2, 0, 3)
        for band, strip in strips
    ]
    assert [row for _, strip in strips for row in range(size[0])[strip.target]] == [*range(size[0])]
    torch.testing.assert_close(torch.cat(parts, 2), whole, rtol=1e-12, atol=1e-12)
    assert torch.equal(resampled_classes(scores, size).long(), torch.cat(parts, 2).argmax(1))


def test_half_precision_is_computed_in_float32() -> None:
    scores, target = case(dtype=torch.bfloat16)
    loss = build(CrossEntropy, {})
    with torch.autocast("cpu", torch.bfloat16):
        found = resampled_loss(loss, scores, target)
    (gradient,) = torch.autograd.grad(found, scores.tensor)
    single = Scores(scores.tensor.detach().float(), scores.grid)
    assert found.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(found, loss(resample(single, (37, 29)), target))


def single_case() -> tuple[Scores, Tensor]:
    """Enough channels and cells to reveal half precision."""
    random = torch.Generator().manual_seed(1)
    coarse = torch.randn(2, CLASSES, 40, 30, generator=random).requires_grad_()
    target = torch.randint(CLASSES, (2, 320, 240), generator=random)
    return Scores(coarse, Grid(8, Fraction(7, 2))), target


def test_gradients_are_computed_in_float32_under_autocast() -> None:
    scores, target = single_case()
    loss = build(CrossEntropy, {})
    (exact,) = torch.autograd.grad(resampled_loss(loss, scores, target), scores.tensor)
    with torch.autocast("cpu", torch.bfloat16):
        found = resampled_loss(loss, scores, target)
    (gradient,) = torch.autograd.grad(found, scores.tensor)
    torch.testing.assert_close(gradient, exact, rtol=1e-6, atol=0)


class Products(TorchDispatchMode):
    """Record each matrix product and the precision that float32 products are allowed to use."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if "mm" in name:
            precision = torch.backends.mkldnn.matmul.fp32_precision  # pyright: ignore[reportAttributeAccessIssue]
            self.seen.append((name, precision))
        return func(*args, **(kwargs or {}))


def test_the_backward_pass_keeps_float32_precision() -> None:
    """Check the requested precision, because not every processor has the faster products."""
    scores, target = case(dtype=torch.float32)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with Products() as products:
            torch.ones(2, 2) @ torch.ones(2, 2)
            resampled_loss(build(CrossEntropy, {}), scores, target)
    finally:
        torch.set_float32_matmul_precision(before)
    (_, traded), *ours = products.seen
    assert traded == "bf16"
    assert {name for name, _ in ours} >= {"addmm_", "mm"}
    assert {precision for _, precision in ours} == {"ieee"}


def test_bands_and_strips_are_as_large_as_memory_allows() -> None:
    tensor = torch.zeros(2, CLASSES, 40, 4, dtype=torch.float64)
    found = list(bands(Scores(tensor, Grid(8, Fraction(7, 2))), (320, 29)))
    row_bytes = 2 * CLASSES * 29 * 8
    budget = fused.STRIP_BYTES["cpu"]
    assert len(found) == {1: 320, 3000: 9, 1 << 30: 1}[budget]
    for band in found:
        # Interpolation needs two rows besides those of the strip.
        assert (len(band.wide) - 3) * row_bytes <= fused.BAND_BYTES
        for strip in band.strips:
            rows = strip.target.stop - strip.target.start
            assert rows == 1 or rows * row_bytes <= budget


def test_only_ignored_pixels_give_zero_with_a_gradient() -> None:
    scores, target = case()
    found = resampled_loss(build(CrossEntropy, {}), scores, torch.full_like(target, IGNORE))
    (gradient,) = torch.autograd.grad(found, scores.tensor)
    assert found == 0
    assert not gradient.any()


class Trained(nn.Module):
    """A third-party loss with a trainable weight."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits * self.temperature).square().sum(1)

    def normalizer(self, target: Tensor) -> Tensor:
        return torch.tensor(7)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.per_pixel(logits, target).sum() / self.normalizer(target)


def test_a_loss_with_trainable_weights_gets_its_gradient() -> None:
    scores, target = case()
    loss = Trained()
    resampled_loss(loss, scores, target).backward()
    assert loss.temperature.grad is not None
    frozen = Trained().requires_grad_(False)  # computed by strips if it is not trained
    torch.testing.assert_close(
        resampled_loss(frozen, scores, target), loss(resample(scores, (37, 29)), target)
    )


@pytest.mark.parametrize(
    ("count", "kind"), [(256, torch.uint8), (257, torch.int16), (300, torch.int16)]
)
def test_more_classes_than_a_byte_holds(count: int, kind: torch.dtype) -> None:
    tensor = torch.zeros(1, count, 2, 2)
    tensor[:, -1] = 1
    found = resampled_classes(Scores(tensor, Grid(4, Fraction(3, 2))), (8, 8))
    assert found.dtype == kind
    assert (found == count - 1).all()


def test_classes_and_probabilities_equal_those_of_full_logits() -> None:
    scores, _ = case(dtype=torch.float32)
    scores = Scores(scores.tensor.detach(), scores.grid)
    logits = resample(scores, (37, 29))
    classes, probabilities = resampled_predictions(scores, (37, 29), probabilities=True)
    assert probabilities is not None
    assert probabilities.dtype == torch.float32
    assert torch.equal(classes.long(), logits.argmax(1))
    torch.testing.assert_close(probabilities, logits.softmax(1))
    assert resampled_predictions(scores, (37, 29), probabilities=False)[1] is None


@pytest.mark.slow
def test_fake_tensors_of_an_absent_device(fake_gpu: str) -> None:
    with FakeTensorMode():  # without gradients: autograd asks the driver
        tensor = torch.randn(2, CLASSES, 5, 4, device=fake_gpu)
        target = torch.zeros(2, 37, 29, dtype=torch.int64, device=fake_gpu)
        scores = Scores(tensor, Grid(8, Fraction(7, 2)))
        loss = resampled_loss(build(CrossEntropy, {"class_weights": "auto"}), scores, target)
        assert loss.device == tensor.device
        assert resampled_classes(scores, (37, 29)).device == tensor.device
