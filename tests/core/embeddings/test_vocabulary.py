"""Words by number and numbers by word, over arrays."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import Vocabulary, _vocabulary
from pluxel.registry import PluxelError

WORDS = st.lists(st.text(st.characters(codec="utf-8"), max_size=8), unique=True, max_size=30)


@given(words=WORDS, others=st.lists(st.text(st.characters(codec="utf-8"), max_size=3), max_size=5))
def test_it_is_the_list_that_it_was_made_of(words: list[str], others: list[str]) -> None:
    found = Vocabulary.of(words)
    assert list(found) == [found[i] for i in range(len(words))] == words
    assert [found.stoi[word] for word in words] == [*range(len(words))]
    assert dict(found.stoi) == {word: i for i, word in enumerate(words)}
    assert found[1:-1] == words[1:-1]
    for word in others:
        assert (word in found) == (word in found.stoi) == (word in words)
        assert found.find(word) == (words.index(word) if word in words else None)
    assert sorted(found.find_many([*words, *others])) == [*range(len(words))]


def test_words_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_vocabulary, "_hash", lambda token: len(token) % 2)
    words = [f"word{i}" for i in range(30)]
    found = Vocabulary.of(words)
    assert [found.stoi[word] for word in words] == [*range(30)]
    assert "word30" not in found
    assert sorted(found.find_many({"word3", "word29", "other"})) == [3, 29]
    with pytest.raises(PluxelError, match="the word 'word3' occurs twice"):
        Vocabulary.of([*words, "word3"])


def test_what_there_is_not() -> None:
    found = Vocabulary.of(["a", "b"])
    assert found[-1] == "b"
    assert (found.index("b"), found.stoi.get("c")) == (1, None)
    with pytest.raises(IndexError, match="word 2 of 2"):
        found[2]
    with pytest.raises(KeyError):
        found.stoi["c"]
    with pytest.raises(ValueError, match="'c' is not in the vocabulary"):
        found.index("c")


def test_it_keeps_no_strings() -> None:
    words = [f"word number {i}" for i in range(100_000)]
    tracemalloc.start()
    found = Vocabulary.of(words)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(found) == 100_000
    assert kept < 100_000 * 60  # a string alone takes 65 bytes and a list 8
