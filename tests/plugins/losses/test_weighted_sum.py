"""The weighted sum of several losses."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.resampling import resample
from pluxel.core.geometry.scores import Scores
from pluxel.core.model.objective import Objective
from pluxel.core.model.strips import resampled_loss, terms_of
from pydantic import ValidationError

TERMS = {
    "type": "weighted_sum",
    "terms": [
        {"loss": "dice", "weight": 0.5},
        {"loss": {"type": "dice", "smooth": 0.0}},
        {
            "loss": {"type": "weighted_sum", "terms": [{"loss": "lovasz", "weight": 3.0}]},
            "weight": 2.0,
        },
        {"loss": {"type": "cross_entropy", "class_weights": {"class1": 2.0}}, "weight": 0.0},
    ],
}


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(2, 4, 6, 5, requires_grad=True), torch.randint(4, (2, 6, 5))


def test_value_is_the_weighted_sum(build, batch) -> None:
    parts = [
        build(term["loss"] if isinstance(term["loss"], dict) else {"type": term["loss"]})
        for term in TERMS["terms"]
    ]
    dice, smoothless, lovasz, _ = (part(*batch) for part in parts)
    torch.testing.assert_close(build(TERMS)(*batch), 0.5 * dice + smoothless + 2 * lovasz)


def test_terms_have_names_and_are_unweighted(build, batch) -> None:
    found = {name: (weight, term) for name, weight, term in terms_of(build(TERMS))}
    assert list(found) == ["dice", "dice_2", "weighted_sum/lovasz", "cross_entropy"]
    weight, term = found["weighted_sum/lovasz"]
    assert weight == 2 * 3
    torch.testing.assert_close(term(*batch), build({"type": "lovasz"})(*batch))


def test_a_term_that_is_not_finite_is_named(build, batch) -> None:
    logits, target = batch
    loss = build({"type": "weighted_sum", "terms": [{"loss": "dice"}, {"loss": "cross_entropy"}]})
    logits = logits.detach().clone()
    logits[0, 0, 0, 0] = -1e38  # the log-probability overflows, but the overlap is finite
    logits[0, 1, 0, 0] = 3e38
    target[0, 0, 0] = 0
    objective = Objective({"semantic": loss}, {"semantic": 1.0})
    bad = objective.bad_terms({"semantic": Scores(logits, Grid())}, {"semantic": target})
    assert bad == ["WeightedSum cross_entropy of head 'semantic'"]


def test_class_weights_of_the_terms_are_listed(build) -> None:
    objective = Objective({"semantic": build(TERMS)}, {"semantic": 1.0})
    assert objective.chosen_weights == {
        "cross_entropy/class0": 1.0,
        "cross_entropy/class1": 2.0,
        "cross_entropy/class2": 1.0,
        "cross_entropy/class3": 1.0,
    }


def test_terms_are_computed_by_strips_if_possible(build, batch, monkeypatch) -> None:
    logits, target = batch
    terms = [{"loss": "cross_entropy"}, {"loss": "focal", "weight": 0.5}, {"loss": "dice"}]
    loss = build({"type": "weighted_sum", "terms": terms})
    scores = Scores(logits, Grid(4, 1))
    target = torch.randint(4, (2, 24, 20))
    wanted = loss(resample(scores, (24, 20)), target)
    for _, term in loss.terms.values():
        if hasattr(term, "per_pixel"):
            monkeypatch.setattr(type(term), "forward", None)
    torch.testing.assert_close(resampled_loss(loss, scores, target), wanted)


def test_terms_move_with_the_sum(build) -> None:
    assert len(list(build(TERMS).modules())) == 8  # itself, 4 terms, 1 nested term, 2 lists


@pytest.mark.parametrize(
    ("terms", "place"),
    [
        ([], "terms"),
        ([{"loss": "dice", "weight": -1.0}], "terms.0.weight"),
        ([{"los": "dice"}], "terms.0.los"),
        ([{"loss": "dicee"}], "terms.0.loss"),
    ],
)
def test_invalid_terms_raise_at_their_place(build, terms, place: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?m)^{place}$"):
        build({"type": "weighted_sum", "terms": terms})
