"""Suggestions for misspelled words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.embeddings import Vocabulary
from pluxel.core.embeddings._spelling import suggestions

WORDS = Vocabulary.of(
    [
        *("the", "there", "their", "beautiful", "bull", "ball", "bill", "bell", "naïve", "straße"),
        *("internationalization", "Rome", "x", "microarchitecture", "zézé"),
    ]
)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("beatiful", ["beautiful"]),
        ("beautifull", ["beautiful"]),
        ("beauriful", ["beautiful"]),
        ("baeutiful", ["beautiful"]),
        ("BEATIFUL", ["beautiful"]),
        ("eautiful", ["beautiful"]),
        ("baeutifull", ["beautiful"]),
        ("btiful", []),
        ("thier", ["their"]),
        ("naïxe", ["naïve"]),
        ("naïv", ["naïve"]),
        ("zéz", ["zézé"]),
        ("strße", ["straße"]),
        ("microarchitectur", ["microarchitecture"]),
        ("microarchitectu", []),
        ("internationalization", ["internationalization"]),
        ("", []),
        (" ", []),
        ("<", []),
        ("\udcff", []),
        ("q", ["x"]),
        ("Rime", ["Rome"]),
        ("Roome", ["Rome"]),
        ("\ud800x", ["x"]),
    ],
)
def test_one_slip_or_two(word: str, found: list[str]) -> None:
    assert suggestions(word, WORDS) == found


def test_the_most_frequent_come_first() -> None:
    assert suggestions("bxll", WORDS) == ["bull", "ball", "bill"]
    assert suggestions("bxll", WORDS, 9) == ["bull", "ball", "bill", "bell"]
    assert suggestions("bxll", WORDS, 1) == ["bull"]


def test_one_slip_precedes_two() -> None:
    """The more frequent ``the`` is two slips away."""
    assert suggestions("thers", WORDS) == ["there"]


LETTERS = st.characters(codec="ascii", categories=["Ll"])


@settings(max_examples=60)
@given(st.text(LETTERS, min_size=3, max_size=40), st.data())
def test_single_slips_are_found(word: str, data: st.DataObject) -> None:
    words = Vocabulary.of([word])
    place = data.draw(st.integers(0, len(word) - 2))
    head, one, two, tail = word[:place], word[place], word[place + 1], word[place + 2 :]
    slips = (
        head + two + tail,
        head + two + one + tail,
        head + "q" + two + tail,
        head + word[place:],
    )
    for slip in slips:
        if slip != word:
            assert suggestions(slip, words) == [word]


FREQUENT = ["of", "sign", "symbol", "traffic", "light", "trafficli", "ght"]
MANY = Vocabulary.of([*FREQUENT, *(f"{i} filler" for i in range(50_000 - len(FREQUENT))), "rarer"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("trafficlight", ["traffic light"]),
        ("TrafficLight", ["traffic light"]),
        ("signsymbol", ["sign symbol"]),
        ("ofsymbolof", []),
        ("rarerlight", []),
        ("symbolrarer", []),
        ("xxlights", []),
        ("traffic" * 30, []),
    ],
)
def test_run_together_words_are_split(word: str, found: list[str]) -> None:
    """Only frequent words of at least three letters are suggested."""
    assert suggestions(word, MANY) == found


def test_short_words_allow_one_slip_only() -> None:
    words = Vocabulary.of(["of", "to", "the"])
    assert suggestions("北京", words) == []
    assert suggestions("xyz", words) == []
    assert suggestions("xyhe", words) == ["the"]


def test_empty_vocabulary() -> None:
    assert suggestions("chip", Vocabulary.of([])) == []


@pytest.mark.parametrize(
    ("length", "slips", "found"), [(100, 1, 1), (101, 1, 0), (12, 2, 1), (13, 2, 0)]
)
def test_longer_words_have_no_suggestions(length: int, slips: int, found: int) -> None:
    word = ("qwertyuiopasdfghjklz" * 6)[:length]
    meant = "xx"[:slips] + word[slips:]
    assert suggestions(word, Vocabulary.of([meant])) == [meant][:found]


@pytest.mark.parametrize("length", [12, 13, 100, 101, 1_000_000])
def test_the_number_of_lookups_is_bounded(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    asked: list[int] = []
    find_many = Vocabulary.find_many

    def spy(vocabulary: Vocabulary, words: set[str]) -> object:
        asked.append(len(words))
        return find_many(vocabulary, words)

    monkeypatch.setattr(Vocabulary, "find_many", spy)
    word = ("qwertyuiopasdfghjklz" * (length // 20 + 1))[:length]
    assert suggestions(word, WORDS) == []
    assert sum(asked) < (500_000 if length == 12 else 10_000)


@pytest.mark.parametrize("kept", ["Zürich", "Zu\u0308rich"])
@pytest.mark.parametrize("asked", ["Zürih", "Zu\u0308rih", "Züricch", "Zu\u0308ricch"])
def test_accents_may_be_composed_or_decomposed(kept: str, asked: str) -> None:
    assert suggestions(asked, Vocabulary.of(["the", kept])) == [kept]
