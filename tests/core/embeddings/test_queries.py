"""Nearest words and analogies, on real vectors and against a plain formula."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core import analogy, get_similar_tokens
from pluxel.core.embeddings import (
    Query,
    StoredVectors,
    StoreWriter,
    UnknownWordError,
    WordMatch,
    WordSearch,
    WordVectors,
    cached_store,
    open_store,
)
from pluxel.core.neighbors import CosineIndex
from pluxel.registry import PluxelError

WORDS = ["north", "east", "south", "west", "north east", "up", "nothing", "NASA"]
ROWS = [[0, 2, 0], [1, 0, 0], [0, -1, 0], [-3, 0, 0], [1, 1, 0.1], [0, 0, 1], [0, 0, 0], [0, 5, 1]]


@pytest.fixture
def compass() -> WordVectors:
    return WordVectors(WORDS, torch.tensor(ROWS))


def rounded(found: list[WordMatch]) -> list[tuple[str, str]]:
    return [(word, f"{cosine:.3f}") for word, cosine in found]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("chip", [("chips", "0.856"), ("intel", "0.749"), ("electronics", "0.749")]),
        ("baby", [("babies", "0.839"), ("boy", "0.800"), ("girl", "0.792")]),
        ("beautiful", [("lovely", "0.921"), ("gorgeous", "0.893"), ("wonderful", "0.830")]),
    ],
)
def test_neighbors_equal_the_book(
    glove: WordVectors, word: str, near: list[tuple[str, str]]
) -> None:
    """Dive into Deep Learning, section 15.7."""
    assert rounded(get_similar_tokens(word, 3, glove)) == near


@pytest.mark.parametrize(
    ("a", "b", "c", "d"),
    [
        ("man", "woman", "son", "daughter"),
        ("beijing", "china", "tokyo", "japan"),
        ("bad", "worst", "big", "biggest"),
        ("do", "did", "go", "went"),
    ],
)
def test_analogies_equal_the_book(glove: WordVectors, a: str, b: str, c: str, d: str) -> None:
    ((word, cosine),) = analogy(a, b, c, 1, glove)
    assert word == d
    assert 0.7 < cosine <= 1


def test_stoi_equals_the_book(glove: WordVectors) -> None:
    assert glove.stoi["beautiful"] == 3366
    assert glove.itos[3366] == "beautiful"


def test_query_word_is_excluded(compass: WordVectors) -> None:
    assert rounded(get_similar_tokens("north", 2, compass)) == [
        ("NASA", "0.981"),
        ("north east", "0.705"),
    ]


def test_words_of_a_phrase_are_excluded(compass: WordVectors) -> None:
    """The mean of the unit vectors is (1, 1, 0) / 2, so the norms do not matter."""
    assert rounded(get_similar_tokens("north-east", 1, compass)) == [("north east", "0.998")]
    everything = dict(get_similar_tokens("north-east", 6, compass))
    assert set(WORDS) - set(everything) == {"north", "east"}


def test_a_word_with_a_space_is_one_word(compass: WordVectors) -> None:
    assert "north" in dict(get_similar_tokens("north east", 7, compass))


def test_capitals_missing_from_the_vocabulary(compass: WordVectors) -> None:
    assert get_similar_tokens("North", 3, compass) == get_similar_tokens("north", 3, compass)


def test_vector_query_excludes_no_word(compass: WordVectors) -> None:
    assert get_similar_tokens(torch.tensor([0.0, 7, 0]), 1, compass) == [("north", 1.0)]


def test_third_party_embedding(compass: WordVectors) -> None:
    class Mine:
        itos, dim, vectors = WORDS, 3, torch.tensor(ROWS)
        stoi = {word: i for i, word in enumerate(WORDS)}

    assert get_similar_tokens("up", 3, Mine()) == get_similar_tokens("up", 3, compass)


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "k must be at least 1, not 0"),
        (-1, "k must be at least 1, not -1"),
        (8, "k = 8, but only 7 rows are available"),
        (2.5, "k must be an integer, not 2.5"),
        ("3", "k must be an integer, not '3'"),
        (True, "k must be an integer, not True"),
    ],
)
def test_k(compass: WordVectors, k: int, message: str) -> None:
    assert len(get_similar_tokens("up", 7, compass)) == 7
    with pytest.raises(PluxelError, match=message):
        get_similar_tokens("up", k, compass)


def test_wrong_types_raise(compass: WordVectors) -> None:
    with pytest.raises(PluxelError, match="a word must be a string, not NoneType"):
        get_similar_tokens(None, 1, compass)  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        PluxelError, match="an embedding must have stoi, itos, vectors and dim; a str does not"
    ):
        get_similar_tokens("up", 1, "glove")  # pyright: ignore[reportArgumentType]


def test_misspelled_word_raises(compass: WordVectors) -> None:
    text = "'norht' is not one of the 8 words. Did you mean 'north'?"
    for ask in (
        lambda: get_similar_tokens("norht", 1, compass),
        lambda: analogy("up", "norht", "east", 1, compass),
    ):
        with pytest.raises(UnknownWordError) as caught:
            ask()
        assert str(caught.value) == text


def test_zeros_have_no_neighbors(compass: WordVectors) -> None:
    for query, name in (("nothing", "'nothing'"), (torch.zeros(3), "the query")):
        with pytest.raises(PluxelError) as caught:
            get_similar_tokens(query, 1, compass)
        text = f"the vector of {name} is all zeros, so it has no nearest words"
        assert str(caught.value) == text
    with pytest.raises(PluxelError, match="the vector of 'nothing' is all zeros"):
        analogy("north", "south", "nothing", 1, compass)
    opposite = WordVectors(["a", "b", "c"], torch.tensor([[1.0, 0], [1, 0], [-1, 0]]))
    assert analogy("a", "b", "c", 1, WordVectors([*"abcd"], torch.eye(4)))[0][0] == "d"
    with pytest.raises(PluxelError, match="k = 1, but only 0 rows"):
        analogy("a", "b", "c", 1, opposite)


def test_excluded_words(compass: WordVectors) -> None:
    search = WordSearch(compass)
    (found,) = search.nearest([search.word("north")], 1, exclude=["NASA"])
    assert found[0][0] == "north east"
    with pytest.raises(UnknownWordError, match="'nasaa' is not one of the 8 words"):
        search.nearest([search.word("north")], 1, exclude=["nasaa"])
    with pytest.raises(PluxelError, match="'up-south' is not one of"):
        search.nearest([search.word("north")], 1, exclude=["up-south"])


def test_only_the_first_words(compass: WordVectors) -> None:
    search = WordSearch(compass)
    query = search.word("NASA")
    north, east = search.nearest([query], 2, first=2)[0]
    assert north == search.nearest([query], 1)[0][0]
    assert east == ("east", 0.0)
    assert search.nearest([query], 7, first=100) == search.nearest([query], 7)
    with pytest.raises(PluxelError, match="k = 3, but only 2 rows"):
        search.nearest([query], 3, first=2)
    for first in (0, -5):
        with pytest.raises(PluxelError, match=f"first must be at least 1, not {first}"):
            search.nearest([query], 1, first=first)


def test_batch_equals_single_queries(glove: WordVectors) -> None:
    search = WordSearch(glove)
    queries = [search.word(word) for word in glove.itos[1000:1020]]
    queries.append(search.analogy("man", "woman", "king"))
    together = search.nearest(queries, 4)
    assert together == [search.nearest([one], 4)[0] for one in queries]
    assert together[-1][0][0] == "queen"
    assert search.nearest([], 4) == []


@pytest.mark.parametrize("kind", ["faiss_hnsw", "faiss_ivf"])
@pytest.mark.peers
def test_approximate_indexes(compass: WordVectors, kind: str) -> None:
    search = WordSearch.build(compass, kind, "cpu")
    assert search.index is not None
    exact = WordSearch.build(compass)
    assert search.nearest([search.word("north")], 2) == exact.nearest([exact.word("north")], 2)


@pytest.mark.peers
def test_indexes_are_kept_in_the_cache_of_the_words(tmp_path: Path, cache: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    source = tmp_path / "source.txt"
    source.write_text("words")

    def build(writer: StoreWriter) -> dict[str, str]:
        writer.add([b"w%d" % i for i in range(20)], rows)
        return {}

    mine = StoredVectors(cached_store(source, {}, build, cache=tmp_path / "mine"))
    WordSearch.build(mine, "faiss_hnsw")
    assert len([*(tmp_path / "mine" / "embeddings" / "indexes").iterdir()]) == 1
    (tmp_path / "elsewhere").mkdir()
    copied = mine.store.path.replace(tmp_path / "elsewhere" / "words.safetensors")
    WordSearch.build(StoredVectors(open_store(copied)), "faiss_hnsw")
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]
    assert len([*(cache / "indexes").iterdir()]) == 1


def test_devices(compass: WordVectors) -> None:
    for device in ("cpu", "auto"):
        search = WordSearch.build(compass, "exact", device)
        assert search.nearest([search.word("up")], 1)[0][0][0] == "NASA"
    with pytest.raises(PluxelError, match="device 'cuda:99' is not available on this machine: "):
        WordSearch.build(compass, "exact", "cuda:99")


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 12))
def test_the_analogy_is_3cosadd(seed: int, count: int, dim: int) -> None:
    """Levy & Goldberg 2014, equation 3, in float64."""
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    words = WordVectors([f"w{i}" for i in range(count)], torch.from_numpy(rows))
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1)[:, None]
    target = unit[1] - unit[0] + unit[2]
    cosines = unit @ target / np.linalg.norm(target)
    found = WordSearch(words).nearest([WordSearch(words).analogy("w0", "w1", "w2")], count - 3)[0]
    assert {word for word, _ in found} == {f"w{i}" for i in range(3, count)}
    for word, cosine in found:
        assert cosine == pytest.approx(cosines[int(word[1:])], abs=1e-6)
    assert [c for _, c in found] == sorted((c for _, c in found), reverse=True)


def test_query_excludes_its_own_rows(compass: WordVectors) -> None:
    search = WordSearch(compass)
    assert search.nearest([Query(torch.tensor([-1.0, 0, 0]), (3,))], 1)[0][0][0] != "west"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_cuda_device_finds_the_same_words(compass: WordVectors, device: str) -> None:
    search = WordSearch.build(compass, "exact", device)
    here = WordSearch(compass)
    queries = [here.word("north"), here.analogy("north", "south", "east")]
    assert search.nearest(queries, 3, exclude=["up"], first=7) == here.nearest(
        queries, 3, exclude=["up"], first=7
    )


def test_an_index_is_searched_without_a_place_to_keep_it(
    compass: WordVectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Path | None] = []

    def build(rows: torch.Tensor, kind: str, *, keep_in: Path | None, **_: object) -> CosineIndex:
        kept.append(keep_in)
        return CosineIndex(rows)

    monkeypatch.setattr("pluxel.core.embeddings._queries.build_index", build)
    monkeypatch.setattr(
        "pluxel.core.embeddings._queries.cache_folder", Mock(side_effect=PluxelError("no home"))
    )
    approximate, exact = WordSearch.build(compass, index="faiss_hnsw"), WordSearch.build(compass)
    north = exact.word("north")
    assert approximate.nearest([north], 2) == exact.nearest([north], 2)
    assert kept == [None]
    assert "the index is not kept: no home" in caplog.text
