"""Class weights from class frequencies, and errors for invalid weights."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.authoring.class_weights import SCHEMES, balanced
from pluxel.registry import PluxelError
from torch._subclasses.fake_tensor import FakeTensorMode

COUNTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(counts=COUNTS)
def test_the_average_pixel_has_weight_one(scheme: str, counts: list[int]) -> None:
    weights = balanced(counts, SCHEMES[scheme])
    average = sum(n * w for n, w in zip(counts, weights, strict=True)) / sum(counts)
    assert average == pytest.approx(1)
    assert all(w == 1 for n, w in zip(counts, weights, strict=True) if n == 0)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(counts=COUNTS)
def test_rarer_classes_do_not_have_smaller_weights(scheme: str, counts: list[int]) -> None:
    seen = sorted(n for n in counts if n)
    weights = balanced(seen, SCHEMES[scheme])
    assert weights == sorted(weights, reverse=True)


def ratios(scheme: str, counts: list[int]) -> list[float]:
    weights = balanced(counts, SCHEMES[scheme])
    return [weight / weights[-1] for weight in weights]


def test_schemes_follow_their_formulas() -> None:
    counts = [100, 400, 10_000]
    assert ratios("auto", counts) == pytest.approx([10, 5, 1])
    assert ratios("inverse_sqrt", counts) == pytest.approx([10, 5, 1])
    assert ratios("median_frequency", counts) == pytest.approx([100, 25, 1])
    volume = 400
    effective = [1 / (1 - (1 - 1 / volume) ** n) for n in counts]
    assert ratios("effective_number", counts) == pytest.approx(
        [w / effective[-1] for w in effective], rel=2e-3
    )


@pytest.mark.parametrize("kind", ["cross_entropy", "focal"])
def test_frequencies_are_counted_once_and_only_when_needed(host, kind: str) -> None:
    calls = []

    def frequencies() -> list[int]:
        calls.append(1)
        return [90, 10]

    target = host.load(host.get("loss", kind))
    wiring = {
        "num_classes": 2,
        "ignore_index": 255,
        "class_names": ["road", "pole"],
        "class_frequencies": frequencies,
    }
    for weights in (None, [1.0, 2.0], {"pole": 3.0}):
        loss = target(**wiring, class_weights=weights)
        loss(torch.randn(1, 2, 3, 3), torch.zeros(1, 3, 3).long())
    assert not calls
    loss = target(**wiring, class_weights="auto")
    assert not calls
    for _ in range(2):
        loss(torch.randn(1, 2, 3, 3), torch.zeros(1, 3, 3).long())
    assert calls == [1]
    weight = loss.chosen_weights
    assert weight["pole"] / weight["road"] == pytest.approx(3)
    assert calls == [1]


def test_chosen_weights(build) -> None:
    weights = build({"type": "cross_entropy", "class_weights": {"class1": 3.0}}).chosen_weights
    assert weights == {"class0": 1.0, "class1": 3.0, "class2": 1.0, "class3": 1.0}
    assert build({"type": "cross_entropy"}).chosen_weights == {}


def test_weights_are_neither_trained_nor_saved(build) -> None:
    loss = build({"type": "cross_entropy", "class_weights": "auto"})
    loss(torch.randn(1, 4, 3, 3), torch.zeros(1, 3, 3).long())
    assert not list(loss.parameters())
    assert not loss.state_dict()


def test_weights_survive_a_run_without_values(build) -> None:
    logits, target = torch.randn(1, 4, 3, 3), torch.zeros(1, 3, 3).long()
    wanted = build({"type": "cross_entropy", "class_weights": "auto"})(logits, target)
    loss = build({"type": "cross_entropy", "class_weights": "auto"})
    with FakeTensorMode():
        loss(torch.randn(1, 4, 3, 3), torch.zeros(1, 3, 3).long())
    assert torch.equal(loss(logits, target), wanted)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"clas1": 2.0}, "class_weights: unknown class 'clas1'. Did you mean 'class1'?"),
        ([1.0, 2.0], "class_weights: 2 weights for 4 classes (class0, class1, class2, class3)"),
        ({"class1": -1.0}, "class_weights: the weight of class1 must be a number ≥ 0, not -1.0"),
        (
            [1.0, 1.0, math.nan, 1.0],
            "class_weights: the weight of class2 must be a number ≥ 0, not nan",
        ),
        (
            [1.0, math.inf, 1.0, 1.0],
            "class_weights: the weight of class1 must be a number ≥ 0, not inf",
        ),
    ],
)
def test_invalid_weights_raise_when_the_loss_is_built(build, weights, text: str) -> None:
    with pytest.raises(PluxelError) as caught:
        build({"type": "focal", "class_weights": weights})
    assert str(caught.value) == text


def test_a_training_split_without_labels_raises() -> None:
    with pytest.raises(PluxelError, match="the training split has no labeled pixels"):
        balanced([0, 0], SCHEMES["auto"])
