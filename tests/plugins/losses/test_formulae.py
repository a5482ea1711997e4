"""Each loss against its formula, written out plainly in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.engine.evaluation.metrics import confusion
from pluxel.plugins.losses._overlap import mean_over, overlap
from pluxel.plugins.losses.jaccard import jaccard
from pluxel.plugins.losses.lovasz import lovasz_softmax
from torch.nn.functional import one_hot

Arrays = tuple[np.ndarray, np.ndarray]
WEIGHTS = [0.5, 2.0, 0.0, 1.0, 3.0]


@st.composite
def batches(draw: st.DrawFn) -> Arrays:
    """Logits (N, C, H, W) and target (N, H, W), with ignored pixels (255) and absent classes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch, classes = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    logits = random.normal(0, draw(st.sampled_from([0.1, 2, 20])), (batch, classes, height, width))
    target = random.integers(0, draw(st.integers(1, classes)), (batch, height, width))
    target[random.random(target.shape) < draw(st.sampled_from([0, 0.4, 1]))] = 255
    target[random.random(batch) < draw(st.sampled_from([0, 0.5]))] = 255
    return logits, target


def flat(logits: np.ndarray, target: np.ndarray) -> Arrays:
    """Probabilities (P, C) and labels (P,) of the labeled pixels."""
    rows = np.moveaxis(logits, 1, -1)[target != 255]
    powers = np.exp(rows - rows.max(1, keepdims=True)) if len(rows) else rows
    return powers / powers.sum(1, keepdims=True), target[target != 255]


def cross_entropy(logits: np.ndarray, target: np.ndarray, section: dict[str, Any]) -> float:
    rows = np.moveaxis(logits, 1, -1)[target != 255]
    labels = target[target != 255]
    weight = np.array(section.get("class_weights", [1.0] * rows.shape[1]))
    smoothing, total, mass = section.get("label_smoothing", 0.0), 0.0, 0.0
    for row, label in zip(rows, labels, strict=True):
        minus_log = np.log(np.exp(row - row.max()).sum()) + row.max() - row
        modulation = (1 - np.exp(-minus_log[label])) ** section.get("gamma", 0)
        share = smoothing / len(row)
        total += (1 - smoothing) * modulation * weight[label] * minus_log[label]
        total += share * (weight * minus_log).sum()
        mass += weight[label]
    return total if section.get("reduction") == "sum" else total / (mass or 1.0)


def mean_of_classes(
    logits: np.ndarray, target: np.ndarray, section: dict[str, Any], share: Callable[..., float]
) -> float:
    """The mean of 1 - share(common, sizes, smooth) over the classes that count."""
    p, labels = flat(logits, target)
    smooth, values = section.get("smooth", 1.0), []
    for c in range(p.shape[1]):
        truth = labels == c
        if len(labels) and (truth.any() or section.get("classes") == "all"):
            values.append(1 - share(p[truth, c].sum(), p[:, c].sum() + truth.sum(), smooth))
    return float(np.mean(values)) if values else 0.0


def dice(*batch: Any) -> float:
    return mean_of_classes(*batch, lambda common, sizes, s: (2 * common + s) / (sizes + s))


def soft_jaccard(*batch: Any) -> float:
    return mean_of_classes(*batch, lambda common, sizes, s: (common + s) / (sizes - common + s))


def lovasz(logits: np.ndarray, target: np.ndarray, section: dict[str, Any]) -> float:
    if section.get("per_image"):
        rest = {key: value for key, value in section.items() if key != "per_image"}
        images = [
            lovasz(logits[n : n + 1], target[n : n + 1], rest)
            for n in range(len(target))
            if (target[n] != 255).any()
        ]
        return float(np.mean(images)) if images else 0.0
    p, labels = flat(logits, target)
    values = []
    for c in range(p.shape[1]):
        truth = labels == c
        if len(labels) and (truth.any() or section.get("classes") == "all"):
            errors = np.abs(truth - p[:, c])
            order = np.argsort(-errors)
            values.append(errors[order] @ jaccard_differences(truth[order]))
    return float(np.mean(values)) if values else 0.0


def jaccard_differences(truth: np.ndarray) -> np.ndarray:
    """Algorithm 1 of Berman et al.: differences of the Jaccard loss of the first k pixels."""
    intersection = truth.sum() - truth.cumsum()
    union = truth.sum() + (1 - truth).cumsum()
    return np.diff(1 - intersection / union, prepend=0)


ORACLES = {
    "cross_entropy": cross_entropy,
    "focal": lambda logits, target, section: cross_entropy(logits, target, {"gamma": 2} | section),
    "dice": dice,
    "jaccard": soft_jaccard,
    "lovasz": lovasz,
}
CASES = [
    ("cross_entropy", {}),
    ("cross_entropy", {"reduction": "sum"}),
    ("cross_entropy", {"class_weights": WEIGHTS}),
    ("cross_entropy", {"class_weights": WEIGHTS, "reduction": "sum", "label_smoothing": 0.2}),
    ("cross_entropy", {"class_weights": WEIGHTS, "label_smoothing": 0.2}),
    ("focal", {}),
    ("focal", {"gamma": 0.5, "reduction": "sum"}),
    ("focal", {"gamma": 3.0, "class_weights": WEIGHTS}),
    ("dice", {}),
    ("dice", {"smooth": 0.5, "classes": "all"}),
    ("jaccard", {}),
    ("jaccard", {"smooth": 0.5, "classes": "all"}),
    ("lovasz", {}),
    ("lovasz", {"classes": "all"}),
    ("lovasz", {"per_image": True}),
]


@pytest.mark.parametrize(("name", "section"), CASES)
@settings(max_examples=20)
@given(batch=batches())
def test_loss_equals_its_formula(build, name: str, section: dict[str, Any], batch: Arrays) -> None:
    logits, target = batch
    classes = logits.shape[1]
    if "class_weights" in section:
        section = section | {"class_weights": section["class_weights"][:classes]}
    loss = build({"type": name, **section}, classes)
    value = loss(torch.from_numpy(logits), torch.from_numpy(target))
    wanted = ORACLES[name](logits, target, section)
    np.testing.assert_allclose(value.item(), wanted, rtol=1e-6, atol=1e-9)


@settings(max_examples=30)
@given(batch=batches())
def test_jaccard_and_lovasz_of_hard_predictions_are_one_minus_iou(batch: Arrays) -> None:
    logits, target = map(torch.from_numpy, batch)
    classes = logits.shape[1]
    prediction = logits.argmax(1)
    hard = one_hot(prediction, classes).movedim(-1, 1).double()
    counts = confusion(prediction, target, classes, 255).double()
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    present = counts.sum(1) > 0
    wanted = (1 - counts.diagonal() / union)[present].mean().nan_to_num()
    sums = overlap(hard, target, 255)
    found = mean_over(1 - jaccard(sums, 0.0), sums.labeled, "present")
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(lovasz_softmax(hard, target, 255, "present"), wanted)


def test_overlap_of_an_absent_class_is_perfect_unless_predicted(build) -> None:
    right = torch.tensor([[0, 1], [1, 0]])[None]
    sure = 200 * one_hot(right, 3).movedim(-1, 1).float()
    for name in ("dice", "jaccard"):
        loss = build({"type": name, "smooth": 0.0, "classes": "all"}, 3)
        assert loss(sure, right).item() == 0
        elsewhere = sure.roll(1, 1)
        assert loss(elsewhere, right).item() == pytest.approx(1)


def test_focal_without_focus_is_cross_entropy(build) -> None:
    logits, target = torch.randn(2, 4, 5, 5), torch.randint(4, (2, 5, 5))
    for section in ({}, {"class_weights": [1.0, 2.0, 3.0, 0.0]}, {"reduction": "sum"}):
        focal = build({"type": "focal", "gamma": 0.0, **section})
        plain = build({"type": "cross_entropy", **section})
        torch.testing.assert_close(focal(logits, target), plain(logits, target))


def test_focal_has_a_finite_slope_at_certainty(build) -> None:
    logits = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    build({"type": "focal", "gamma": 0.5}, 2)(logits, torch.zeros(1, 1, 1).long()).backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.slow
def test_lovasz_keeps_its_precision_over_millions_of_pixels(build) -> None:
    logits = torch.randn(1, 2, 1500, 1500, generator=torch.Generator().manual_seed(0))
    target = (torch.rand(1, 1500, 1500, generator=torch.Generator().manual_seed(1)) < 0.01).long()
    loss = build({"type": "lovasz"}, 2)
    wanted = lovasz(logits.double().numpy(), target.numpy(), {})
    assert loss(logits, target).item() == pytest.approx(wanted, rel=1e-5)
