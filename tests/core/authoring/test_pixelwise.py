"""A loss of somebody else implements ``pixel_losses`` and gets the guarantees from its base."""

from __future__ import annotations

import pytest
import torch
from pluxel.core import resample, resampled_loss
from pluxel.core.authoring import PixelwiseLoss
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.scores import Scores
from pluxel.registry import PluxelError
from torch import Tensor
from torch.nn import functional

IGNORED = 255


class Plain(PixelwiseLoss):
    """−log p, without a constructor."""

    def pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits, target, reduction="none")


class Steep(PixelwiseLoss):
    """√(−log p): its slope is infinite where p is 1. It has a parameter of its own."""

    def __init__(self, num_classes: int, ignore_index: int, *, factor: float = 2.0) -> None:
        super().__init__(num_classes, ignore_index)
        self.factor = factor

    def pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.factor * functional.cross_entropy(logits, target, reduction="none").sqrt()


def example() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    target = torch.randint(3, (2, 6, 7))
    target[:, :2] = IGNORED
    return torch.randn(2, 3, 6, 7, requires_grad=True), target


def test_a_loss_without_constructor_has_weights_and_reductions() -> None:
    logits, target = example()
    names, weights = ["a", "b", "c"], [0.5, 1.0, 3.0]
    for reduction in ("mean", "sum"):
        loss = Plain(3, IGNORED, names, class_weights=weights, reduction=reduction)
        expected = functional.cross_entropy(
            logits, target, torch.tensor(weights), ignore_index=IGNORED, reduction=reduction
        )
        torch.testing.assert_close(loss(logits, target), expected)
    assert loss.chosen_weights == dict(zip(names, weights, strict=True))


def test_a_loss_may_leave_out_class_weights() -> None:
    logits, target = example()
    loss = Steep(3, IGNORED, factor=3.0)
    losses = functional.cross_entropy(logits, target, ignore_index=IGNORED, reduction="none")
    expected = 3 * losses.sqrt().sum() / (target != IGNORED).sum()
    torch.testing.assert_close(loss(logits, target), expected)
    assert loss.chosen_weights == {}


def test_ignored_pixels_have_no_gradient_where_the_slope_is_infinite() -> None:
    logits, target = example()
    certain = torch.zeros_like(logits)
    certain[:, 0] = 200.0  # p is 1 for class 0, which ignored pixels stand for
    certain[:, :, 2:] = logits.detach()[:, :, 2:]
    certain.requires_grad_()
    (gradient,) = torch.autograd.grad(Steep(3, IGNORED)(certain, target), certain)
    assert (gradient[:, :, :2] == 0).all()
    assert gradient.isfinite().all()


def test_it_is_computed_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, target = example()
    seen: list[int] = []
    whole = Plain.pixel_losses

    def counted(self: Plain, logits: Tensor, target: Tensor) -> Tensor:
        seen.append(logits.shape[2])
        return whole(self, logits, target)

    monkeypatch.setattr(Plain, "pixel_losses", counted)
    big = target.repeat_interleave(200, 1).repeat_interleave(200, 2)
    loss = resampled_loss(Plain(3, IGNORED), Scores(logits, Grid(200)), big)
    assert len(seen) > 1
    assert max(seen) < big.shape[1]
    monkeypatch.undo()
    expected = Plain(3, IGNORED)(resample(Scores(logits, Grid(200)), big.shape[1:]), big)
    torch.testing.assert_close(loss, expected)


def test_a_loss_without_pixel_losses_is_named() -> None:
    class Empty(PixelwiseLoss):
        pass

    with pytest.raises(PluxelError) as caught:
        Empty(3, IGNORED)(*example())
    assert str(caught.value) == "Empty must implement pixel_losses(logits, target)"
