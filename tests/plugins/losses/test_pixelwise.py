"""Cross-entropy and focal loss: equal strip by strip, and equal to PyTorch's if it has one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pluxel.core.contracts.targets import TargetError
from torch.nn import functional

SECTIONS: list[dict[str, Any]] = [
    {"type": name, "reduction": reduction, "class_weights": weights, **more}
    for name, more in (
        ("cross_entropy", {}),
        ("cross_entropy", {"label_smoothing": 0.1}),
        ("focal", {}),
    )
    for reduction in ("mean", "sum")
    for weights in (None, "auto", [0.0, 1.0, 2.0, 3.0])
]


def example() -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(2, 4, 13, 9, dtype=torch.float64, requires_grad=True)
    target = torch.randint(4, (2, 13, 9))
    target[:, :4] = 255
    return logits, target


@pytest.mark.parametrize("section", SECTIONS)
def test_sum_over_strips_equals_the_loss(build, section: dict[str, Any]) -> None:
    loss = build(section)
    logits, target = example()
    whole = loss(logits, target)
    normalizer = loss.normalizer(target)
    assert normalizer.shape == ()
    strips = [
        loss.per_pixel(logits[:, :, rows], target[:, rows]).sum() / normalizer
        for rows in (slice(0, 4), slice(4, 5), slice(5, 13))
    ]
    torch.testing.assert_close(sum(strips), whole, rtol=1e-6, atol=0)
    (plain,) = torch.autograd.grad(whole, logits)
    (fused,) = torch.autograd.grad(sum(strips), logits)
    torch.testing.assert_close(fused, plain, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("section", SECTIONS)
def test_per_pixel_is_zero_on_ignored_pixels_and_checks_labels(build, section) -> None:
    loss = build(section)
    logits, target = example()
    values = loss.per_pixel(logits.half(), target)
    assert values.dtype == torch.float32
    assert (values[target == 255] == 0).all()
    target[0, 5, 5] = 4
    with pytest.raises(TargetError, match="label 4 is neither"):
        loss.per_pixel(logits, target)


@pytest.mark.parametrize("section", SECTIONS)
def test_loss_without_labels_is_zero(build, section: dict[str, Any]) -> None:
    loss, logits = build(section), example()[0]
    target = torch.full((2, 13, 9), 255)
    assert loss.normalizer(target).item() == (section["reduction"] == "sum")
    (gradient,) = torch.autograd.grad(loss(logits, target), logits)
    assert (gradient == 0).all()


@pytest.mark.parametrize("section", SECTIONS)
def test_normalizers_of_parts_add_up(build, section: dict[str, Any]) -> None:
    loss, target = build(section | {"reduction": "mean"}), example()[1]
    parts = target[:, :4], target[:, 4:9], target[:, 9:]  # the first has no labels
    total = sum(loss.normalizer(part) for part in parts)
    torch.testing.assert_close(total, loss.normalizer(target))


def test_normalizer_sums_the_weights_of_labeled_pixels(build) -> None:
    target = torch.tensor([[[0, 1, 1], [3, 255, 255]]])
    section = {"type": "cross_entropy"}
    assert build(section).normalizer(target).item() == 4
    weighted = build(section | {"class_weights": [0.5, 1.0, 9.0, 2.0]})
    assert weighted.normalizer(target).item() == 4.5
    assert build(section | {"reduction": "sum"}).normalizer(target).item() == 1


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 9.0, 2.0]])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_equals_pytorchs(build, weights, reduction: str) -> None:
    logits, target = example()
    loss = build({"type": "cross_entropy", "class_weights": weights, "reduction": reduction})
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    wanted = functional.cross_entropy(
        logits, target, weight=weight, ignore_index=255, reduction=reduction
    )
    torch.testing.assert_close(loss(logits, target), wanted)


def test_labels_of_weight_zero_do_not_divide_by_zero(build) -> None:
    logits, _ = example()
    target = torch.zeros(2, 13, 9).long()
    for smoothing in (0.0, 0.1):
        section = {"class_weights": [0.0, 1.0, 1.0, 1.0], "label_smoothing": smoothing}
        loss = build({"type": "cross_entropy", **section})
        assert loss(logits, target).isfinite()
        torch.testing.assert_close(loss(logits, target), loss.per_pixel(logits, target).sum())


def test_nan_logits_stay_nan(build) -> None:
    """The guard against an empty batch must not hide a network that has diverged."""
    logits, target = example()
    broken = logits.detach().clone()
    broken[0, 0, 6, 6] = torch.nan
    for name in ("cross_entropy", "focal", "dice", "jaccard", "lovasz"):
        assert build({"type": name})(broken, target).isnan(), name
