"""``pluxel analogy``: complete "a is to b as c is to …"."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Words = Callable[..., tuple[object, str, str]]
TOY = ("--embedding", "toy")
THREE = "give three words, such as: man woman son (man is to woman as son is to …)"


def test_best_word(words: Words) -> None:
    assert words("analogy", "man", "king", "woman", *TOY) == (0, "queen  0.975\n", "")


def test_several_answers_in_json(words: Words) -> None:
    code, out, _ = words("analogy", "man", "king", "woman", *TOY, "-k", 2, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["query"] == "man king woman"
    assert [one["word"] for one in found["words"]] == ["queen", "girl"]


def test_options_match_those_of_similar(words: Words) -> None:
    asked = ("analogy", "man", "king", "woman", *TOY)
    assert words(*asked, "--exclude", "queen")[1].split()[0] == "girl"
    assert words(*asked, "--restrict", 3) == (2, "", "k = 1, but only 0 rows are available\n")
    assert words(*asked, "--restrict", 4)[1] == words(*asked)[1]


def test_a_stream(words: Words) -> None:
    text = "man king woman\nman king\nman kign woman\nman\troyal palace\twoman\n"
    code, out, err = words("analogy", "--stdin", *TOY, stdin=text.encode())
    assert (code, err) == (1, "2 of 4 failed\n")
    assert out.splitlines() == [
        "man king woman  queen  0.975",
        f"man king  error: {THREE}",
        "man kign woman  error: 'kign' is not one of the 8 words. Did you mean 'king'?",
        "man\troyal palace\twoman  queen  0.673",
    ]


@pytest.mark.parametrize("given", [("man", "woman"), ("a", "b", "c", "d"), (), ("man", "--stdin")])
def test_wrong_number_of_words(words: Words, given: tuple[str, ...]) -> None:
    code, out, err = words("analogy", *given, *TOY)
    assert (code, out) == (2, "")
    assert err.endswith(f"Error: {THREE.capitalize()}; or --stdin.\n")


def test_a_misspelled_word(words: Words) -> None:
    code, out, err = words("analogy", "man", "wonan", "king", *TOY)
    assert (code, out) == (2, "")
    assert err == "'wonan' is not one of the 8 words. Did you mean 'woman'?\n"
