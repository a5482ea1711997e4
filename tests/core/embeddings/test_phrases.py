"""Names split into words, and misspelt words told from their neighbours."""

from __future__ import annotations

import time

import pytest
from pluxel.core.embeddings import Vocabulary, split_phrase
from pluxel.core.embeddings._spelling import suggestions

WORDS = Vocabulary.of(
    [
        *("the", "of", "a", "sign", "symbol", "traffic", "light", "tv", "monitor", "potted"),
        *("plant", "pot", "ted", "table", "chip", "chips", "ship", "é", "naïve", "tvs", "i"),
        *("mon", "itor"),
    ]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("light", ["light"]),
        ("Light", ["light"]),
        ("traffic light", ["traffic", "light"]),
        ("traffic-light", ["traffic", "light"]),
        ("traffic_light", ["traffic", "light"]),
        ("TrafficLight", ["traffic", "light"]),
        ("TVMonitor", ["tv", "monitor"]),
        ("Sign_Symbol", ["sign", "symbol"]),
        ("light2", ["light", "2"]),
        ("signsymbol", ["signsymbol"]),
        ("N/A", ["N", "a"]),
        ("", [""]),
        ("--", ["--"]),
    ],
)
def test_names_are_split_where_they_show_it(text: str, words: list[str]) -> None:
    assert split_phrase(text, WORDS.stoi) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("signsymbol", ["sign", "symbol"]),
        ("tvmonitor", ["tv", "monitor"]),  # not the rarer "mon" and "itor"
        ("pottedplant", ["potted", "plant"]),
        ("trafficlightsign", ["traffic", "light", "sign"]),
        ("lightx", ["lightx"]),
        ("xlight", ["xlight"]),
    ],
)
def test_words_that_are_run_together(text: str, words: list[str]) -> None:
    assert split_phrase(text, WORDS.stoi, run_together=True) == words


def test_very_long_names_take_no_time() -> None:
    began = time.process_time()
    split_phrase("signsymbol" * 200, WORDS.stoi, run_together=True)
    suggestions("signsymbol" * 50, WORDS)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("chipp", ["chip", "chips"]),
        ("chpi", ["chip"]),
        ("hcpis", ["chips"]),
        ("CHIP", ["chip", "chips", "ship"]),
        ("naïv", ["naïve"]),
        ("zzzzzz", []),
    ],
)
def test_suggestions_come_by_slips_and_frequency(word: str, near: list[str]) -> None:
    assert suggestions(word, WORDS)[: len(near) or 1] == near
