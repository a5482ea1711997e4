"""Vectors of fastText models equal those of the official library and gensim."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.registry import PluxelError

from .fasttext_models import (
    ALPHABET,
    ELSEWHERE,
    MODELS,
    QUANTIZED,
    SIGNED,
    UNSIGNED,
    differs,
    handmade,
)

Peer = Callable[[str], Any]


@pytest.mark.parametrize("name", [*MODELS, *QUANTIZED])
def test_vectors_equal_the_library(models: dict[str, Path], peer: Peer, name: str) -> None:
    theirs = peer("fasttext").load_model(str(models[name]))
    ours = FastText(file=models[name], unknown=None if "alone" not in name else "zero")
    assert list(ours.itos) == theirs.get_words()
    assert differs(ours, theirs, theirs.get_words()) < 1e-6
    assert ours.has_subwords == ("alone" not in name)
    chance = random.Random(1)
    others = ["".join(chance.choices(ALPHABET + "xyz", k=chance.randint(1, 9))) for _ in range(60)]
    # The library also returns zeros for words without subwords.
    assert max(differs(ours, theirs, [word]) for word in [*ELSEWHERE, *others]) < 1e-6


@pytest.mark.parametrize(
    "name", [n for n in (*MODELS, *QUANTIZED) if "model" not in MODELS.get(n, {})]
)
def test_label_rows_equal_the_library(models: dict[str, Path], peer: Peer, name: str) -> None:
    theirs = peer("fasttext").load_model(str(models[name]))
    ours = FastText(file=models[name])
    assert ours.labels == theirs.get_labels()
    if name == "supervised, tree":
        with pytest.raises(PluxelError, match="hierarchical softmax: its output rows are nodes"):
            _ = ours.label_vectors
    elif name in QUANTIZED:
        # The library does not expose these rows; the scores of a text imply them. A text is the
        # mean of the rows of all words, all subwords and the end of the sentence.
        assert tuple(ours.label_vectors.shape) == (260, 10)
        word = theirs.get_words()[1]
        rows = [
            theirs.get_input_vector(i) for w in (word, "</s>") for i in theirs.get_subwords(w)[1]
        ]
        scores = ours.label_vectors.numpy() @ np.mean(rows, 0)
        labels, chances = theirs.predict(word, k=260)
        expected = dict(zip(labels, chances, strict=True))
        found = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert np.abs(found - [expected[label] for label in ours.labels]).max() < 1e-4
    else:
        assert np.abs(ours.label_vectors.numpy() - theirs.get_output_matrix()).max() < 1e-6


@pytest.mark.parametrize("name", SIGNED)
def test_published_models_equal_the_library(
    published: dict[str, Path], peer: Peer, name: str
) -> None:
    theirs = peer("fasttext").load_model(str(published[name]))
    ours = FastText(file=published[name])
    words = theirs.get_words(on_unicode_error="replace")
    assert list(ours.itos) == words
    assert differs(ours, theirs, [word for word in words if "\ufffd" not in word]) < 1e-6
    if ours.has_subwords:
        assert differs(ours, theirs, ELSEWHERE) < 1e-6


@pytest.mark.parametrize("name", UNSIGNED)
def test_models_without_a_signature_equal_gensim(
    published: dict[str, Path], peer: Peer, name: str
) -> None:
    encoding = "cp852" if name == "cp852_fasttext" else "utf-8"
    gensim = peer("gensim.models.fasttext")
    theirs = gensim.load_facebook_vectors(str(published[name]), encoding=encoding)
    ours = FastText(file=published[name], encoding=encoding)
    assert list(ours.itos) == theirs.index_to_key
    for word in (*theirs.index_to_key, "xyzzy", "unbelievable"):
        # gensim splits </s> into subwords, and hashes UTF-8 regardless of the encoding.
        if word != "</s>" and (word.isascii() or encoding == "utf-8"):
            assert np.abs(ours[word].numpy() - theirs.get_vector(word)).max() < 1e-6


def test_supervised_model_of_version_11_has_no_subwords(made: Path, peer: Peer) -> None:
    made.write_bytes(handmade([b"abc", b"bcd"], [b"x"], version=11))
    ours, theirs = FastText(file=made), peer("fasttext").load_model(str(made))
    assert not ours.has_subwords
    assert differs(ours, theirs, ["abc", "bcd"]) == 0
    made.write_bytes(handmade([b"abc", b"bcd"], [b"x"]))
    assert FastText(file=made).has_subwords


def test_words_that_become_equal_after_replacement(
    made: Path, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    made.write_bytes(handmade([b"a\xff", b"a\xfe", b"q"], [b"x"]))
    ours, theirs = FastText(file=made), peer("fasttext").load_model(str(made))
    assert list(ours.itos) == ["a\ufffd", "q"]
    assert "repeated words: 1;" in caplog.text
    # Subword rows begin after all words of the model, including dropped words.
    assert differs(ours, theirs, ["q", "qab", "zzz"]) < 1e-6
