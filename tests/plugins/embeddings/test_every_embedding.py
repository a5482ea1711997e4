"""The contract of every registered embedding; each needs a sample file here."""

from __future__ import annotations

import pickle
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pluxel.core import Embedding, Factory
from pluxel.core.common.files import MissingFile
from pluxel.core.config._load_words import load_words
from pluxel.core.embeddings import Download, UnknownWordError, WordVectors
from pluxel.registry import Host, PluxelError

from .conftest import WORDS, lines_of

Make = Callable[..., Any]
"""(parameters) -> the embedding, through the registry."""


def glove(folder: Path, vectors: np.ndarray) -> dict[str, Any]:
    (folder / "glove.txt").write_bytes(b"\n".join(lines_of(WORDS, vectors)))
    return {"file": str(folder / "glove.txt")}


def word2vec(folder: Path, vectors: np.ndarray) -> dict[str, Any]:
    rows = (w.encode() + b" " + v.tobytes() for w, v in zip(WORDS, vectors, strict=True))
    (folder / "word2vec.bin").write_bytes(b"10 4\n" + b"".join(rows))
    return {"file": str(folder / "word2vec.bin")}


def fasttext(folder: Path, vectors: np.ndarray) -> dict[str, Any]:
    (folder / "fasttext.vec").write_bytes(b"10 4\n" + b" \n".join(lines_of(WORDS, vectors)))
    return {"file": str(folder / "fasttext.vec")}


def table(folder: Path, vectors: np.ndarray) -> dict[str, Any]:
    np.save(folder / "table.npy", vectors)
    (folder / "table.txt").write_bytes(b"\n".join(word.encode() for word in WORDS))
    return {"file": str(folder / "table.npy")}


FILES = {one.__name__: one for one in (glove, word2vec, fasttext, table)}
NAMES = sorted(component.name for component in Host().components("embedding"))


def make(name: str, parameters: dict[str, Any]) -> WordVectors:
    """Build an embedding as a configuration does."""
    section = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    loaded = load_words(None, [f"embedding={{type: {name}, {section}}}"], host=Host())
    factory: Factory[Embedding] = loaded.settings.embedding
    found = factory()
    assert isinstance(found, WordVectors)
    return found


@pytest.fixture(params=NAMES)
def embedding(request: pytest.FixtureRequest, tmp_path: Path, vectors: np.ndarray) -> Make:
    """Return a function that builds a registered embedding with additional parameters."""
    parameters = FILES[request.param](tmp_path, vectors)
    return lambda **others: make(request.param, parameters | others)


def test_every_embedding_has_a_sample_file() -> None:
    assert sorted(FILES) == NAMES


def test_words_and_vectors(embedding: Make, vectors: np.ndarray) -> None:
    found = embedding()
    assert len(found) == len(found.itos) == len(found.stoi) == len(WORDS)
    assert [found.stoi[word] for word in found.itos] == [*range(len(WORDS))]
    assert [*found.itos] == WORDS
    assert (found.vectors.dtype, tuple(found.vectors.shape)) == (torch.float32, (10, 4))
    assert found.dim == 4
    assert (found.vectors.numpy() == vectors).all()
    assert "chip" in found
    assert "chap" not in found
    assert isinstance(found, Embedding)


def test_neighbors_norms_and_mean(embedding: Make, vectors: np.ndarray) -> None:
    found = embedding()
    norms = np.linalg.norm(vectors.astype(float), axis=1)
    cosines = vectors.astype(float) @ vectors[3].astype(float) / norms / norms[3]
    nearest = found.index.search(found["sign"], 10)
    assert nearest.indices.tolist() == np.argsort(-cosines).tolist()
    assert np.allclose(nearest.cosines.numpy(), np.sort(cosines)[::-1], atol=1e-12)
    assert np.allclose(found.norms.numpy(), norms, rtol=1e-12)
    assert np.allclose(found.mean.numpy(), vectors.mean(0, dtype=float), atol=1e-12)


def test_a_copy_maps_the_same_file(embedding: Make) -> None:
    found = embedding(unknown="zero")
    nearest = found.index.search(found["sign"], 3).indices
    sent = pickle.dumps(found)
    assert len(sent) < found.store.path.stat().st_size / 2
    copy = pickle.loads(sent)
    assert type(copy) is type(found)
    assert (copy.store.path, copy.unknown) == (found.store.path, "zero")
    assert [*copy.itos] == [*found.itos]
    assert torch.equal(copy.index.search(copy["sign"], 3).indices, nearest)
    assert [*found.itos] == [*copy.itos]


def test_unknown_words(embedding: Make, vectors: np.ndarray) -> None:
    with pytest.raises(
        UnknownWordError, match=r"'chap' is not one of the 10 words. Did you mean 'chip'"
    ):
        embedding()["chap"]
    assert embedding(unknown="zero")["chap"].tolist() == [0, 0, 0, 0]
    mean = vectors.mean(0, dtype=float)
    assert np.allclose(embedding(unknown="mean")["chap"].numpy(), mean, atol=1e-7)
    with pytest.raises(PluxelError, match=r"unknown: subword needs a model with subword vectors"):
        embedding(unknown="subword")
    with pytest.raises(PluxelError, match="unknown"):
        embedding(unknown="none")


def test_phrases_are_means_of_unit_vectors(embedding: Make, vectors: np.ndarray) -> None:
    found = embedding()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = unit[1:3].mean(0)
    for text in ("traffic light", "traffic-light", "TrafficLight", "traffic_light"):
        assert np.allclose(found[text].numpy(), expected, atol=1e-6)
    assert np.allclose(found.name_vector("signsymbol").numpy(), unit[3:5].mean(0), atol=1e-6)
    assert found["beautiful"].tolist() == found["Beautiful"].tolist() == vectors[5].tolist()


@pytest.mark.parametrize("text", ["nai\u0308ve", "Nai\u0308ve", "na\u00efve", "NAI\u0308VE"])
def test_accents_may_be_composed_or_decomposed(embedding: Make, vectors, text: str) -> None:
    assert embedding()[text].tolist() == vectors[8].tolist()


def test_file_is_converted_once_and_memory_mapped(embedding: Make, cache: Path) -> None:
    embedding()
    stores = {path: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")}
    assert len(stores) == 1
    found = embedding()
    assert {path: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")} == stores
    maps = Path("/proc/self/maps").read_text()
    assert str(found.store.path) in maps


def test_cache_parameter_is_used(embedding: Make, tmp_path: Path, cache: Path) -> None:
    found = embedding(cache=str(tmp_path / "mine"))
    assert found.store.path.parent == tmp_path / "mine" / "embeddings"
    assert not [*cache.glob("*.safetensors")]


def test_missing_download_names_url_and_option() -> None:
    offers = 0
    for component in Host().components("embedding"):
        made = Host().load(component)
        for one in getattr(made, "aliases", tuple)():
            assert isinstance(one, Download)
            assert one.url.startswith("https://")
            assert one.hash is None or re.fullmatch(r"sha256:[0-9a-f]{64}", one.hash)
            with pytest.raises(MissingFile) as caught:
                make(component.name, {"name": one.alias})
            assert one.url in str(caught.value)
            assert "download: true" in str(caught.value)
            offers += 1
    assert offers > 10


def test_full_disk_leaves_no_file(embedding: Make, cache: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4200, limits[1]))  # within the rows of a store
    try:
        with pytest.raises(
            PluxelError, match=rf"cannot write {cache}/.*\.safetensors: File too la"
        ):
            embedding()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [*cache.glob("*.safetensors"), *cache.glob(".*")]
    assert len(embedding()) == len(WORDS)
