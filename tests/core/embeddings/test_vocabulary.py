"""Words by number and numbers by word, without a Python string for each word."""

from __future__ import annotations

import tracemalloc
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import Vocabulary, _vocabulary
from pluxel.registry import PluxelError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = st.lists(TEXTS, unique=True, max_size=30)
ODD = ["", "\0", "a", "a\0", "\0a", "é", "e\u0301", "\x85", "\u2028", " ", "\ufeff", "😀", "A"]


@given(WORDS)
def test_words_and_numbers_are_inverse(words: list[str]) -> None:
    found = Vocabulary.of(words)
    assert [*found] == words
    assert dict(found.stoi) == {word: place for place, word in enumerate(words)}


@given(WORDS, WORDS)
def test_find_many_equals_find(words: list[str], others: list[str]) -> None:
    found = Vocabulary.of(words)
    asked = [*words[::2], *others]
    assert found.find_many(asked) == {found.find(word) for word in asked} - {None}


@given(WORDS, WORDS)
def test_words_with_equal_hashes_are_distinguished(words: list[str], others: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_vocabulary, "_hash", lambda token: len(token) % 2)
        found = Vocabulary.of(words)
        for word in [*words, *others]:
            assert found.find(word) == (words.index(word) if word in words else None)
        assert found.find_many(others) == {words.index(word) for word in others if word in words}


@pytest.mark.parametrize("collide", [False, True])
@given(st.lists(st.sampled_from(["a", "b", "c", "", "\0"]), max_size=12))
def test_repeated_finds_all_but_the_first(collide: bool, words: list[str]) -> None:
    tokens = [word.encode() for word in words]
    hashes = np.zeros(len(tokens), np.int64) if collide else _vocabulary.hash_words(tokens)
    again = [place for place, word in enumerate(words) if word in words[:place]]
    assert _vocabulary.repeated(tokens, hashes).tolist() == again


def test_repeated_word_raises() -> None:
    with pytest.raises(PluxelError, match="the word 'b' occurs twice"):
        Vocabulary.of(["a", "b", "c", "b"])


def test_words_that_are_not_utf_8_round_trip() -> None:
    words = [b"caf\xe9".decode("utf-8", "surrogateescape"), "caf"]
    found = Vocabulary.of(words)
    assert [*found] == words
    assert found.stoi[words[0]] == 0


def test_lone_surrogate_raises() -> None:
    found = Vocabulary.of(["a"])
    assert found.find("\ud800") is None
    assert found.find_many(["\ud800", "a"]) == {0}
    assert "\ud800" not in found
    with pytest.raises(PluxelError, match=r"'\\ud800' is not valid text: surrogates not allowed"):
        Vocabulary.of(["\ud800"])


class TestSequence:
    def test_it_is_one(self) -> None:
        found = Vocabulary.of(ODD)
        assert isinstance(found, Sequence)
        assert (len(found), repr(found)) == (13, "Vocabulary(13 words)")
        assert [found[i] for i in range(-13, 13)] == ODD * 2
        assert found[np.int64(3)] == "a\0"
        assert [*reversed(found)] == ODD[::-1]

    @pytest.mark.parametrize(
        "part", [slice(None), slice(2, 5), slice(-3, None), slice(9, 2, -2), slice(20, 30)]
    )
    def test_slices_are_lists(self, part: slice) -> None:
        assert Vocabulary.of(ODD)[part] == ODD[part]

    @pytest.mark.parametrize("index", [13, -14])
    def test_index_out_of_range_raises(self, index: int) -> None:
        with pytest.raises(IndexError, match=f"word {index} of 13"):
            Vocabulary.of(ODD)[index]

    def test_membership(self) -> None:
        found = Vocabulary.of(ODD)
        assert all(word in found for word in ODD)
        for other in ("b", "a\0\0", "É", 5, None, b"a", ["a"]):
            assert other not in found

    def test_index(self) -> None:
        found = Vocabulary.of(ODD)
        assert found.index("a") == found.index("a", 2) == found.index("a", -11, -10) == 2
        assert found.count("a") == 1
        for value, start, stop in (("a", 3, None), ("a", 0, 2), ("b", 0, None), (5, 0, None)):
            with pytest.raises(ValueError, match=f"{value!r} is not in the vocabulary"):
                found.index(value, start, stop)


class TestMapping:
    def test_it_is_one(self) -> None:
        numbers = Vocabulary.of(ODD).stoi
        assert isinstance(numbers, Mapping)
        assert (len(numbers), [*numbers], [*numbers.values()]) == (13, ODD, [*range(13)])
        assert numbers == {word: place for place, word in enumerate(ODD)}
        assert numbers != dict.fromkeys(ODD, 0)

    def test_missing_words(self) -> None:
        numbers = Vocabulary.of(ODD).stoi
        assert (numbers.get("b"), numbers.get("b", 7), numbers.get("a")) == (None, 7, 2)
        assert "b" not in numbers
        for word in ("b", 5, None):
            with pytest.raises(KeyError, match=repr(word)):
                numbers[word]


def test_empty_vocabulary() -> None:
    found = Vocabulary.of([])
    assert ([*found], dict(found.stoi), found.find("a"), found.find_many(["a"])) == (
        [],
        {},
        None,
        set(),
    )


def test_hashes_are_stable_across_processes() -> None:
    """Files store them. The expected values are from ``b2sum --length=64``."""
    found = _vocabulary.hash_words([b"", b"the"]).astype("<i8")
    assert found.tobytes().hex() == "e4a6a0577479b2b45edaab6c90973a2e"


def test_words_are_not_kept_as_strings() -> None:
    arrays = _vocabulary.vocabulary_arrays(
        tokens := [b"word%d" % i for i in range(200_000)], _vocabulary.hash_words(tokens)
    )
    tracemalloc.start()
    try:
        found = Vocabulary.from_arrays(arrays)
        assert found.stoi["word199999"] == 199_999
        assert found[123_456] == "word123456"
        assert "word200000" not in found
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 16
    assert kept < 1 << 14


@pytest.mark.parametrize("word", ["Zürich", "naïve", "한국", "Việt"])
@pytest.mark.parametrize(("kept", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_words_are_found_with_composed_or_decomposed_accents(
    word: str, kept: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"]
) -> None:
    other = unicodedata.normalize(asked, word)
    found = Vocabulary.of(["the", unicodedata.normalize(kept, word)])
    assert other not in [*found]
    assert (found.find(other), found.stoi[other], found.index(other)) == (1, 1, 1)
    assert found.find_many([other, "an"]) == {1}
    both = Vocabulary.of([other, unicodedata.normalize(kept, word)])
    assert [both.find(each) for each in both] == [0, 1]
    assert both.find_many([other]) == {0}


MIXED = "Zu\u0308rich-Caf\u00e9"
"""A word of which one accent is decomposed and the other one composed."""
FORMS = [MIXED, *(unicodedata.normalize(form, MIXED) for form in ("NFC", "NFD"))]


@pytest.mark.parametrize("kept", FORMS)
def test_a_word_of_mixed_accents_is_found_in_every_form(kept: str) -> None:
    found = Vocabulary.of(["the", kept])
    assert [found.find(form) for form in FORMS] == [1, 1, 1]
    assert [found.find_many([form]) for form in FORMS] == [{1}, {1}, {1}]
    assert found.find("Zurich-Café") is None


def test_of_several_forms_the_one_as_given_counts_then_the_composed_one() -> None:
    mixed, composed, decomposed = FORMS
    assert [Vocabulary.of(FORMS).find(form) for form in FORMS] == [0, 1, 2]
    assert Vocabulary.of([decomposed, composed]).find(mixed) == 1
    other = "Z\u00fcrich-Cafe\u0301"
    assert Vocabulary.of([other, decomposed]).find(mixed) == 0  # neither is composed: the first
    assert Vocabulary.of(FORMS).find_many([mixed, decomposed]) == {0, 2}


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (["the", "Zürich"], "NFC"),
        (["the", "Zu\u0308rich", "Caf\u00e9", "nai\u0308ve"], "NFD"),
        (["the"], "NFC"),
        ([MIXED, "Zu\u0308rich"], "NFD"),
    ],
)
def test_the_form_of_a_vocabulary_is_that_of_most_words(words: list[str], form: Any) -> None:
    assert Vocabulary.of(words).in_own_form("na\u00efve") == unicodedata.normalize(form, "naïve")
