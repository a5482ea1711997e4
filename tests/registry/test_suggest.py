"""Suggestions for misspelled words."""

from __future__ import annotations

import pytest
from pluxel.registry import did_you_mean, suggest

LOSSES = ["cross_entropy", "dice", "focal", "jaccard", "lovasz"]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("focl", "focal"),
        ("FOCAL", "focal"),
        ("cross-entropy", "cross_entropy"),
        ("CrossEntropy", "cross_entropy"),
        ("cross", "cross_entropy"),
        ("hinge", None),
        ("", None),
    ],
)
def test_the_nearest_choice(word: str, nearest: str | None) -> None:
    assert suggest(word, LOSSES) == nearest


def test_a_prefix_of_several_choices_suggests_nothing() -> None:
    assert suggest("re", ["resnet_backbone", "regnet_backbone"]) is None


def test_an_empty_word_suggests_nothing() -> None:
    assert suggest("", ["dice"]) is None


def test_the_suggestion_keeps_its_own_spelling() -> None:
    assert suggest("randomcrop", iter(["RandomCrop", "Resize"])) == "RandomCrop"


def test_the_sentence() -> None:
    assert did_you_mean("dise", LOSSES) == " Did you mean 'dice'?"
    assert did_you_mean("hinge", LOSSES) == ""
