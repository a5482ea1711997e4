"""Places of words in the plane."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import WordVectors, plane
from pluxel.registry import PluxelError

WORDS = ["road", "street", "highway", "car", "bus", "truck", "cat", "dog", "horse", "sheep"]


@pytest.fixture
def vectors(glove: WordVectors) -> np.ndarray:
    return np.stack([glove[word].numpy() for word in WORDS])


def distances(places: np.ndarray) -> np.ndarray:
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


@pytest.mark.parametrize("method", ["pca", pytest.param("tsne", marks=pytest.mark.peers)])
def test_similar_words_are_close_in_the_plane(vectors: np.ndarray, method: Any) -> None:
    places = plane(vectors, method)
    assert places.shape == (len(WORDS), 2)
    between = distances(places)
    groups = [slice(0, 3), slice(3, 6), slice(6, 10)]
    for group in groups:
        others = np.setdiff1d(np.arange(len(WORDS)), np.arange(len(WORDS))[group])
        assert between[group, group].mean() < between[group][:, others].mean()
    assert np.array_equal(plane(vectors, method), places)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 8))
def test_pca_keeps_the_most_energy(seed: int, count: int, dim: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    unit = rows / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    centered = unit - unit.mean(0)
    energy = np.linalg.eigvalsh(centered.T @ centered)[::-1]
    places = plane(3 * rows)
    assert (places**2).sum() == pytest.approx(energy[:2].sum(), abs=1e-6)
    assert (distances(places) <= distances(unit) + 1e-6).all()
    assert np.array_equal(plane(4 * rows), plane(rows))  # directions, not lengths


@pytest.mark.parametrize("seed", range(8))
def test_pca_orientation_is_independent_of_order(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(7, 5))
    places = plane(rows)
    assert np.allclose(plane(rows[::-1]), places[::-1])
    assert np.allclose(plane(-rows), -places)


@pytest.mark.parametrize(("method", "fewest"), [("pca", 2), ("tsne", 4)])
def test_too_few_words_raise(method: Any, fewest: int) -> None:
    with pytest.raises(PluxelError, match=f"{method} needs at least {fewest} words, not 1"):
        plane(np.ones((1, 3)), method)


def test_zero_and_equal_vectors() -> None:
    assert np.isfinite(plane(np.zeros((3, 4)))).all()
    assert np.array_equal(plane(np.ones((3, 4))), np.zeros((3, 2)))


def test_missing_extra_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PluxelError) as caught:
        plane(np.eye(4), "tsne")
    assert str(caught.value) == (
        "t-SNE needs scikit-learn, which is not installed: pip install scikit-learn"
    )
