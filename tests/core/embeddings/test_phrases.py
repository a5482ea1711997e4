"""The words in a name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.common.logs import log_once
from pluxel.core.embeddings import Vocabulary, split_phrase

FREQUENT = (
    "the a in on n light traffic sign symbol tv monitor road way side walk side-walk New-York"
)
WORDS = Vocabulary.of([*FREQUENT.split(), "Rome", "rome", "i", "lane", "2", "école", "straße"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("light", ["light"]),
        ("Light", ["light"]),
        ("Rome", ["Rome"]),
        ("rome", ["rome"]),
        ("ROME", ["rome"]),
        ("New-York", ["New-York"]),
        ("Side-Walk", ["side-walk"]),
        ("traffic light", ["traffic", "light"]),
        ("traffic-light", ["traffic", "light"]),
        ("traffic_light", ["traffic", "light"]),
        ("TrafficLight", ["traffic", "light"]),
        ("trafficLight", ["traffic", "light"]),
        ("TRAFFIC LIGHT", ["traffic", "light"]),
        (" traffic  /light. ", ["traffic", "light"]),
        ("TVMonitor", ["tv", "monitor"]),
        ("Sign_Symbol", ["sign", "symbol"]),
        ("N/A", ["n", "a"]),
        ("lane2", ["lane", "2"]),
        ("lane 2b", ["lane", "2b"]),
        ("École", ["école"]),
        ("E\u0301cole", ["école"]),  # decomposed, as macOS writes names of files
        ("e\u0301cole stra\u00dfe", ["école", "straße"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("اَلْعَرَبِيَّةُ", ["اَلْعَرَبِيَّةُ"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("école-straße", ["école", "straße"]),
        ("Foo light", ["Foo", "light"]),
        ("signsymbol", ["signsymbol"]),
        ("", [""]),
        (" ", [" "]),
        ("—/—", ["—/—"]),
    ],
)
def test_names_are_split_at_boundaries(text: str, parts: list[str]) -> None:
    assert split_phrase(text, WORDS.stoi) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("signsymbol", ["sign", "symbol"]),
        ("SIGNSYMBOL", ["sign", "symbol"]),
        ("trafficlight", ["traffic", "light"]),
        ("trafficlightsign", ["traffic", "light", "sign"]),
        ("big signsymbol", ["big", "sign", "symbol"]),
        ("roadqqq", ["roadqqq"]),
        ("trafficlightsignsymbol", ["trafficlightsignsymbol"]),
        ("alight", ["alight"]),
        ("light", ["light"]),
        ("", [""]),
    ],
)
def test_run_together_words_are_split(text: str, parts: list[str]) -> None:
    assert split_phrase(text, WORDS.stoi, run_together=True) == parts


def test_the_likeliest_cut_is_taken() -> None:
    """The product of ranks decides: 11 · 12 is less than 3 · 60, but more than 3 · 30."""
    ranks = {"now": 9, "here": 10, "no": 1, "where": 58}
    assert split_phrase("nowhere", ranks, run_together=True) == ["now", "here"]
    assert split_phrase("nowhere", ranks | {"where": 28}, run_together=True) == ["no", "where"]


def test_three_parts_may_be_likelier_than_two() -> None:
    ranks = {"on": 0, "the": 1, "road": 2, "onthe": 99, "theroad": 99}
    assert split_phrase("ontheroad", ranks, run_together=True) == ["on", "the", "road"]


@given(st.text(), st.booleans())
def test_every_text_has_parts_and_no_letter_is_lost(text: str, run_together: bool) -> None:
    found = split_phrase(text, WORDS.stoi, run_together=run_together)
    assert found
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFC", text)))
    kept = "".join(filter(str.isalnum, unicodedata.normalize("NFC", "".join(found))))
    assert kept.lower() == letters.lower()


@pytest.mark.parametrize(
    ("text", "taken"),
    [("C#", "['C']"), ("don't", "['don', 't']"), ("a+b", "['a', 'b']"), ("50%", "['50']")],
)
def test_dropped_characters_are_reported(text: str, taken: str, caplog) -> None:
    log_once.cache_clear()
    split_phrase(text, WORDS.stoi)
    assert caplog.messages == [f"{text!r} is not in the vocabulary; taken for {taken}"]


@pytest.mark.parametrize(
    "text", ["traffic-light", "N/A", "road (paved)", "e\u0301cole_x", "हिन्दी ab"]
)
def test_separators_are_dropped_without_a_word(text: str, caplog) -> None:
    log_once.cache_clear()
    split_phrase(text, WORDS.stoi)
    assert not caplog.messages


@given(st.lists(st.sampled_from(["light", "traffic", "sign", "road"]), min_size=2))
def test_all_spellings_of_a_phrase_are_equal(words: list[str]) -> None:
    ways = [" ".join(words), "-".join(words), "_".join(words), "".join(map(str.title, words))]
    assert all(split_phrase(way, WORDS.stoi) == words for way in ways)


class AllOfA(Mapping[str, int]):
    """A vocabulary of all runs of the letter a; it counts its lookups."""

    asked = 0

    def __getitem__(self, word: str) -> int:
        self.asked += 1
        if {*word} != {"a"} or len(word) > 40:
            raise KeyError(word)
        return len(word)

    def __len__(self) -> int:
        return 40

    def __iter__(self) -> None:
        raise NotImplementedError


def test_long_texts_take_few_lookups() -> None:
    every = AllOfA()
    assert split_phrase("a" * 64, every, run_together=True) == ["a" * 24, "a" * 40]
    assert every.asked < 20_000
    every.asked = 0
    assert split_phrase("a" * 5000, every, run_together=True) == ["a" * 5000]
    assert every.asked < 10
    every.asked = 0
    parts = split_phrase("aB" * 20_000 + "-" * 20_000, every, run_together=True)
    assert len(parts) == 20_001
    assert every.asked < 200_000
