"""Losses for rare classes and thin structures, against their formulae and other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from pluxel.plugins.losses.cldice import skeleton
from torch import Tensor
from torch.nn import functional

from .test_formulae import Arrays, batches, flat


def by_class(
    logits: np.ndarray,
    target: np.ndarray,
    section: dict[str, Any],
    loss: Callable[[float, float, float, float], float],
) -> float:
    """The mean of a loss of true positives, false positives, false negatives, true negatives."""
    p, labels = flat(logits, target)
    values = []
    for c in range(p.shape[1]):
        truth = labels == c
        if len(labels) and (truth.any() or section.get("classes") == "all"):
            q = p[:, c]
            values.append(loss(q[truth].sum(), q[~truth].sum(), (1 - q)[truth].sum(),
                               (1 - q)[~truth].sum()))  # fmt: skip
    return float(np.mean(values)) if values else 0.0


def tversky(logits: np.ndarray, target: np.ndarray, section: dict[str, Any]) -> float:
    alpha, beta = section.get("alpha", 0.3), section.get("beta", 0.7)
    smooth, gamma = section.get("smooth", 1.0), section.get("gamma", 1.0)

    def loss(tp: float, fp: float, fn: float, _: float) -> float:
        return (1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)) ** (1 / gamma)

    return by_class(logits, target, section, loss)


def mcc(logits: np.ndarray, target: np.ndarray, section: dict[str, Any]) -> float:
    smooth = section.get("smooth", 1.0)

    def loss(tp: float, fp: float, fn: float, tn: float) -> float:
        tp, tn = tp + smooth, tn + smooth
        return 1 - (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))

    return by_class(logits, target, section, loss)


def ohem(logits: np.ndarray, target: np.ndarray, section: dict[str, Any]) -> float:
    p, labels = flat(logits, target)
    if not len(labels):
        return 0.0
    sure = p[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(sure, 1e-300))
    threshold = section.get("threshold", 0.7)
    limit = np.sort(losses)[::-1][int(np.ceil(section.get("min_kept", 0.1) * len(losses))) - 1]
    if threshold is not None:
        limit = min(limit, -np.log(threshold))
    return float(losses[losses >= limit].mean())


@pytest.mark.parametrize(
    ("formula", "name", "section"),
    [
        (tversky, "tversky", {}),
        (tversky, "tversky", {"alpha": 0.5, "beta": 2.0, "smooth": 0.5, "classes": "all"}),
        (tversky, "focal_tversky", {"gamma": 4 / 3}),
        (tversky, "focal_tversky", {"gamma": 2.0, "classes": "all"}),
        (mcc, "mcc", {}),
        (mcc, "mcc", {"smooth": 0.25, "classes": "all"}),
        (ohem, "ohem", {}),
        (ohem, "ohem", {"threshold": None, "min_kept": 0.5}),
        (ohem, "ohem", {"threshold": 0.3, "min_kept": 0.01}),
    ],
)
@settings(max_examples=20)
@given(batch=batches())
def test_loss_equals_its_formula(
    build: Any, formula: Callable[..., float], name: str, section: dict[str, Any], batch: Arrays
) -> None:
    logits, target = batch
    found = build({"type": name, **section}, logits.shape[1])(*map(torch.from_numpy, batch))
    # The power of an error of exactly zero is clamped.
    np.testing.assert_allclose(found, formula(logits, target, section), rtol=1e-6, atol=2e-8)


def example() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 24, 20, generator=random)
    return logits, torch.randint(3, (2, 24, 20), generator=random)


@pytest.mark.parametrize(("alpha", "beta", "gamma"), [(0.3, 0.7, 1.0), (0.5, 0.5, 1.0)])
def test_tversky_equals_that_of_smp(
    build: Any, peer: Callable[[str], Any], alpha: float, beta: float, gamma: float
) -> None:
    smp = peer("segmentation_models_pytorch")
    theirs = smp.losses.TverskyLoss("multiclass", alpha=alpha, beta=beta, gamma=gamma)
    ours = build({"type": "tversky", "alpha": alpha, "beta": beta, "smooth": 0.0}, 3)
    torch.testing.assert_close(ours(*example()), theirs(*example()))


def test_mcc_of_two_classes_equals_that_of_smp(build: Any, peer: Callable[[str], Any]) -> None:
    smp = peer("segmentation_models_pytorch")
    logits, target = example()
    logits, target = logits[:, :2], target.clamp(max=1)
    theirs = smp.losses.MCCLoss(eps=0.0)(logits.softmax(1)[:, 1], target)
    # The coefficient of two classes is that of each of them.
    torch.testing.assert_close(build({"type": "mcc", "smooth": 0.0}, 2)(logits, target), theirs)


def test_equal_weights_give_dice_and_jaccard(build: Any) -> None:
    for name, weight in (("dice", 0.5), ("jaccard", 1.0)):
        tversky_loss = build({"type": "tversky", "alpha": weight, "beta": weight, "smooth": 0.0}, 3)
        plain = build({"type": name, "smooth": 0.0}, 3)
        torch.testing.assert_close(tversky_loss(*example()), plain(*example()))


def test_ohem_of_all_pixels_is_cross_entropy(build: Any) -> None:
    logits, target = example()
    found = build({"type": "ohem", "threshold": None, "min_kept": 1.0}, 3)(logits, target)
    torch.testing.assert_close(found, functional.cross_entropy(logits, target))


def test_ohem_keeps_its_share_if_no_pixel_is_below_the_threshold(build: Any) -> None:
    logits, target = example()
    sure = functional.one_hot(target, 3).movedim(-1, 1) * 5.0 + 0.1 * logits
    loss = build({"type": "ohem", "threshold": 0.01, "min_kept": 0.1}, 3)
    losses = functional.cross_entropy(sure, target, reduction="none").flatten()
    torch.testing.assert_close(loss(sure, target), losses.topk(96).values.mean())


def picture(*rows: str) -> Tensor:
    """A map (1, 1, h, w) of 1 where rows have #."""
    return torch.tensor([[[[float(one == "#") for one in row] for row in rows]]])


def test_the_skeleton_of_a_bar_is_its_centerline() -> None:
    bar = picture(".......", ".#####.", ".#####.", ".#####.", ".......")
    line = picture(".......", ".......", "..###..", ".......", ".......")
    found = skeleton(bar, 3)
    assert torch.equal(found[..., 2, 2:5], line[..., 2, 2:5])
    assert found[..., [1, 3], 2:5].sum() == 0


def test_thin_lines_are_their_own_skeletons() -> None:
    lines = picture("#....", ".#...", "..###", "....#")
    assert torch.equal(skeleton(lines, 3), lines)


def test_cldice_sees_a_gap_in_a_line_and_not_its_width(build: Any) -> None:
    rows = torch.zeros(1, 9, 24, dtype=torch.long)
    rows[:, 3:6] = 1
    loss = build({"type": "cldice", "classes": "present"}, 2)

    def of(mask: Tensor) -> float:
        logits = 40 * functional.one_hot(mask, 2).movedim(-1, 1).float()
        return loss(logits, rows).item()

    narrow, broken = rows.clone(), rows.clone()
    narrow[:, [3, 5]] = 0
    broken[:, :, 11:14] = 0
    background_of_narrow = of(narrow)
    assert of(rows) == pytest.approx(0, abs=1e-6)
    assert of(broken) > background_of_narrow
