"""Label smoothing by the similarity of names; its limits are those of cross-entropy."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax


@pytest.fixture
def example():
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 5, 6, generator=random, dtype=torch.float64)
    target = torch.randint(4, (2, 5, 6), generator=random)
    target[0, 0] = 255
    return logits, target


def section(**parameters):
    return {"type": "semantic", "embedding": "class_words", **parameters}


WEIGHTS = {"class0": 2.0, "class1": 0.5, "class2": 1.0, "class3": 3.0}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_without_smoothing_it_equals_cross_entropy(build, example, weights):
    logits, target = example
    loss = build(section(smoothing=0, class_weights=weights))
    weight = None if weights is None else torch.tensor([*weights.values()], dtype=torch.float64)
    expected = cross_entropy(logits, target, weight, ignore_index=255)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)


def test_at_a_high_temperature_smoothing_is_uniform(build, example):
    logits, target = example
    loss = build(section(smoothing=0.3, temperature=1e9))
    expected = cross_entropy(logits, target, ignore_index=255, label_smoothing=0.3)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_weighted_smoothing_equals_pytorchs(build, example, weights):
    """Equally similar names give the uniform prior."""
    logits, target = example
    alike = {"type": "class_words", "flat": True}
    loss = build(section(embedding=alike, smoothing=0.3, class_weights=weights))
    weight = None if weights is None else torch.tensor([*weights.values()], dtype=torch.float64)
    expected = cross_entropy(logits, target, weight, ignore_index=255, label_smoothing=0.3)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)


def test_targets_mix_the_class_with_similar_classes(build, example, host):
    logits, target = example
    vectors = host.load(host.get("embedding", "class_words"))().vectors[:4].double()
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    prior = (unit @ unit.T / 0.2).softmax(1)
    wanted = 0.6 * torch.eye(4, dtype=torch.float64) + 0.4 * prior
    loss = build(section(smoothing=0.4, temperature=0.2))
    losses = -(wanted[target.clamp(max=3)].movedim(-1, 1) * log_softmax(logits, 1)).sum(1)
    expected = losses[target != 255].mean()
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)
