"""Guarantees of every registered loss, and for each guarantee a loss that violates it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pluxel.core import Loss
from pluxel.core.authoring.losses import SegmentationLoss, check_shapes
from pluxel.core.contracts.targets import TargetError, check_target
from pluxel.registry import Host
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import one_hot

pytestmark = pytest.mark.slow

SECTIONS: dict[str, list[dict[str, Any]]] = {
    "cross_entropy": [
        {},
        {"reduction": "sum"},
        {"class_weights": "auto", "label_smoothing": 0.1},
        {"class_weights": {"class1": 0.0}},
    ],
    "focal": [{}, {"gamma": 0.5, "class_weights": "median_frequency"}, {"reduction": "sum"}],
    "dice": [{}, {"smooth": 0.0}, {"smooth": 0.0, "classes": "all"}],
    "jaccard": [{}, {"smooth": 0.0}, {"smooth": 0.0, "classes": "all"}],
    "lovasz": [{}, {"per_image": True}, {"classes": "all"}],
    "semantic": [
        {"embedding": "class_words"},
        {"embedding": ["class_words", "class_words"], "class_weights": "auto"},
        {"embedding": "class_words", "reduction": "sum", "smoothing": 0.0},
    ],
    "weighted_sum": [
        {
            "terms": [
                {"loss": "dice", "weight": 0.5},
                {"loss": {"type": "weighted_sum", "terms": [{"loss": "lovasz"}]}},
                {"loss": {"type": "cross_entropy", "class_weights": "effective_number"}},
            ]
        }
    ],
}
CASES = [
    pytest.param({"type": name, **section}, id=f"{name}-{number}")
    for name, sections in SECTIONS.items()
    for number, section in enumerate(sections)
]

MakeLoss = Callable[[int, int], Loss]
"""(number of classes, ignore index) -> loss."""


def example(
    shape: tuple[int, ...] = (2, 4, 7, 9), ignore_index: int = 255, ignored: float = 0.3
) -> tuple[Tensor, Tensor]:
    """Logits that require a gradient, and a target that lacks the last class."""
    random = torch.Generator().manual_seed(7)
    logits = torch.randn(shape, generator=random).mul_(2).requires_grad_()
    batch, classes, height, width = shape
    target = torch.randint(classes - 1, (batch, height, width), generator=random)
    void = torch.rand(target.shape, generator=random) < ignored
    return logits, target.masked_fill(void, ignore_index)


def gradient(loss: Loss, logits: Tensor, target: Tensor) -> Tensor:
    (result,) = torch.autograd.grad(loss(logits, target), logits)
    return result


def ignores_ignored_pixels(make: MakeLoss) -> None:
    for ignore_index in (255, -1, 65535, 2):  # 2 is also a class
        loss = make(4, ignore_index)
        logits, target = example(ignore_index=ignore_index)
        slope = gradient(loss, logits, target).movedim(1, -1)
        assert (slope[target == ignore_index] == 0).all()
        assert (slope[target != ignore_index].abs().sum(-1) > 0).any()
        other = logits.where((target != ignore_index)[:, None], 30 * torch.randn(logits.shape))
        torch.testing.assert_close(loss(other, target), loss(logits, target))
        usual = target.where(target != ignore_index, 255)
        torch.testing.assert_close(make(4, 255)(logits, usual), loss(logits, target))


def is_zero_where_nothing_is_labeled(make: MakeLoss) -> None:
    logits, target = example(ignored=1)
    value = make(4, 255)(logits, target)
    assert value.item() == 0
    value.backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def computes_in_float32(make: MakeLoss) -> None:
    loss = make(4, 255)
    logits, target = example((1, 4, 512, 512))
    for dtype in (torch.float16, torch.bfloat16):
        low = (logits.detach() * 4).to(dtype).requires_grad_()
        wanted = loss(low.float(), target)
        assert wanted.isfinite()
        value = loss(low, target)
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, wanted, rtol=1e-6, atol=0)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(loss(low, target), wanted, rtol=1e-6, atol=0)
        assert gradient(loss, low, target).isfinite().all()


def survives_large_logits(make: MakeLoss) -> None:
    loss = make(4, 255)
    logits, target = example()
    for scale in (1e2, 1e4):
        large = (logits.detach() * scale).requires_grad_()
        assert loss(large, target).isfinite()
        assert gradient(loss, large, target).isfinite().all()


def names_stray_labels(make: MakeLoss) -> None:
    for ignore_index, stray in ((255, (4, 77)), (255, (-1, 4)), (-1, (-2, 255)), (255, (300, 4))):
        logits, target = example(ignore_index=ignore_index)
        target[0, 0, :2] = torch.tensor(stray)
        text = f"labels {min(stray)}, {max(stray)} are neither a class (0–3) nor the ignore index"
        with pytest.raises(TargetError, match=re.escape(text)):
            make(4, ignore_index)(logits, target)
    logits, target = example(ignored=0)
    target[1, 2, 3] = 4
    with pytest.raises(TargetError, match=r"label 4 is neither a class .*: 1 pixel$"):
        make(4, 255)(logits, target)


def refuses_what_does_not_fit(make: MakeLoss) -> None:
    loss = make(4, 255)
    logits, target = example()
    for wrong_logits, wrong_target, text in (
        (logits, target.to(torch.uint8), "target must be int64, not torch.uint8"),
        (logits[:, :3], target, "logits must be (N, 4, H, W), not (2, 3, 7, 9)"),
        (logits[0], target, "logits must be (N, 4, H, W), not (4, 7, 9)"),
        (logits, target[:, 1:], "target (2, 6, 9) does not match logits (2, 4, 7, 9)"),
        (logits, target[:, None], "target (2, 1, 7, 9) does not match logits (2, 4, 7, 9)"),
    ):
        with pytest.raises(TargetError, match=re.escape(text)):
            loss(wrong_logits, wrong_target)


def does_not_see_positions(make: MakeLoss) -> None:
    logits, target = example()
    order = torch.randperm(7 * 9, generator=torch.Generator().manual_seed(1))
    shuffled = logits.flatten(2)[..., order].view_as(logits)
    loss = make(4, 255)
    torch.testing.assert_close(
        loss(shuffled, target.flatten(1)[..., order].view_as(target)), loss(logits, target)
    )


def takes_any_layout(make: MakeLoss) -> None:
    loss = make(4, 255)
    logits, target = example()
    strided = logits.detach().to(memory_format=torch.channels_last).requires_grad_()
    apart = target.mT.contiguous().mT
    torch.testing.assert_close(loss(strided, apart), loss(logits, target))
    torch.testing.assert_close(gradient(loss, strided, apart), gradient(loss, logits, target))


def takes_a_single_pixel(make: MakeLoss) -> None:
    loss = make(4, 255)
    for label in (0, 1, 2, 3):
        logits = torch.tensor([0.5, -1.0, 2.0, 0.0]).view(1, 4, 1, 1).requires_grad_()
        target = torch.full((1, 1, 1), label)
        assert 0 <= loss(logits, target).item() < 10
        assert gradient(loss, logits, target).isfinite().all()


def has_the_gradient_of_its_value(make: MakeLoss) -> None:
    logits, target = example((2, 3, 3, 4))
    loss = make(3, 255)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, target), logits.double().detach().requires_grad_(), atol=1e-6
    )


def fake_devices() -> list[str]:
    """Return CUDA and the CPU; an old PyTorch needs a driver to slice fake CUDA tensors."""
    try:
        with FakeTensorMode():
            torch.zeros(2, device="cuda")[:1]
    except RuntimeError:
        return ["cpu"]
    return ["cuda", "cpu"]


def runs_without_values(make: MakeLoss) -> None:
    for device in fake_devices():
        with FakeTensorMode():
            loss = make(4, 255)
            logits = torch.randn(2, 4, 7, 9, device=device, requires_grad=True)
            target = torch.randint(4, (2, 7, 9), device=device)
            value = loss(logits, target)
            assert (value.shape, value.device.type) == ((), device)
            if device == "cpu" or torch.cuda.is_available():  # autograd needs the real driver
                assert gradient(loss, logits, target).shape == logits.shape


def falls_as_predictions_improve(make: MakeLoss) -> None:
    loss = make(4, 255)
    _, target = example()
    right = one_hot(target.where(target != 255, 0), 4).movedim(-1, 1).float()
    values = [loss(scale * right, target).item() for scale in (-4, 0, 2)]
    assert values[0] > values[1] > values[2] >= 0


CHECKS = {
    check.__name__: check
    for check in (
        ignores_ignored_pixels,
        is_zero_where_nothing_is_labeled,
        computes_in_float32,
        survives_large_logits,
        names_stray_labels,
        refuses_what_does_not_fit,
        does_not_see_positions,
        takes_any_layout,
        takes_a_single_pixel,
        has_the_gradient_of_its_value,
        runs_without_values,
        falls_as_predictions_improve,
    )
}


def test_autocast_does_not_reach_the_computation() -> None:
    class Correlation(SegmentationLoss):
        def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
            rows = logits.flatten(2)
            return (rows @ rows.mT).sum()  # autocast would compute this in half precision

    logits, target = example()
    with torch.autocast("cpu", torch.bfloat16):
        assert Correlation(4, 255)(logits, target).dtype == torch.float32


def test_every_registered_loss_is_covered(host: Host) -> None:
    assert [component.name for component in host.components("loss")] == sorted(SECTIONS)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("section", CASES)
def test_guarantee(build, section: dict[str, Any], check: str) -> None:
    CHECKS[check](partial(build, section))


@pytest.mark.parametrize("name", SECTIONS)
def test_four_million_pixels_in_half_precision(build, name: str) -> None:
    logits, target = example((1, 2, 2048, 2048), ignored=0.1)
    low = (logits.detach() * 4).half().requires_grad_()
    value = build({"type": name, **SECTIONS[name][0]}, 2)(low, target)
    assert 0 < value < 10
    value.backward()
    assert low.grad is not None
    assert low.grad.isfinite().all()


class Broken(nn.Module):
    """A Dice loss that keeps every guarantee, unless a subclass violates one."""

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.check(logits, target)
        kept = self.kept(target)
        truth = one_hot(target.where(target != self.ignore_index, 0), self.num_classes)
        p = self.precise(logits).softmax(1).movedim(1, -1)
        truth, p = truth * kept[..., None], p * kept[..., None]
        n = self.total(truth, p)
        return self.finish(1 - 2 * (p * truth).sum() / n.clamp(min=1), logits, kept)

    def check(self, logits: Tensor, target: Tensor) -> None:
        check_shapes(logits, target, self.num_classes)
        check_target(target, self.num_classes, self.ignore_index)

    def kept(self, target: Tensor) -> Tensor:
        return target != self.ignore_index

    def precise(self, logits: Tensor) -> Tensor:
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth + p).sum()

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value * kept.any()


class CountsIgnored(Broken):
    def kept(self, target: Tensor) -> Tensor:
        return torch.ones_like(target, dtype=torch.bool)


class OneWhereNothingIsLabeled(Broken):
    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value


class HalfPrecision(Broken):
    def precise(self, logits: Tensor) -> Tensor:
        return logits

    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth.to(p.dtype) + p).sum()


class Overflows(Broken):
    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return super().finish(value + logits.exp().sum().log() * 0, logits, kept)


class AcceptsAnything(Broken):
    def check(self, logits: Tensor, target: Tensor) -> None:
        pass

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        void = target == self.ignore_index
        known = target.clamp(0, self.num_classes - 1).masked_fill(void, self.ignore_index)
        return super().forward(logits, known)


class FavorsTheLeft(Broken):
    def precise(self, logits: Tensor) -> Tensor:
        return logits * torch.linspace(1, 2, logits.shape[-1])


class WantsContiguous(Broken):
    def precise(self, logits: Tensor) -> Tensor:
        flat = torch.as_strided(logits, (logits.numel(),), (1,))
        return flat.view(logits.shape)


class DividesByTheSpread(Broken):
    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value / logits.movedim(1, -1)[..., 0].std(correction=0)


class LosesItsGradient(Broken):
    def total(self, truth: Tensor, p: Tensor) -> Tensor:
        return (truth + p.detach() ** 2).sum()


class ReadsAValue(Broken):
    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return value * float(kept.any().item())


class Rises(Broken):
    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return (1 - value) * kept.any()


BROKEN: dict[str, type[Broken]] = {
    "ignores_ignored_pixels": CountsIgnored,
    "is_zero_where_nothing_is_labeled": OneWhereNothingIsLabeled,
    "computes_in_float32": HalfPrecision,
    "survives_large_logits": Overflows,
    "names_stray_labels": AcceptsAnything,
    "refuses_what_does_not_fit": AcceptsAnything,
    "does_not_see_positions": FavorsTheLeft,
    "takes_any_layout": WantsContiguous,
    "takes_a_single_pixel": DividesByTheSpread,
    "has_the_gradient_of_its_value": LosesItsGradient,
    "runs_without_values": ReadsAValue,
    "falls_as_predictions_improve": Rises,
}


@pytest.mark.parametrize("check", CHECKS)
def test_check_passes_for_a_correct_loss(check: str) -> None:
    CHECKS[check](Broken)


@pytest.mark.parametrize("check", CHECKS)
def test_check_catches_a_broken_loss(check: str) -> None:
    with pytest.raises((AssertionError, RuntimeError, pytest.fail.Exception)):
        CHECKS[check](BROKEN[check])
