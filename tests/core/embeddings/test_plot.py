"""Words in the plane: places, labels and the plot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pluxel.core.embeddings import WordVectors, plane, save_plot
from pluxel.core.embeddings._plot import place_labels
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


@settings(deadline=None)
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


def boxes_of(centers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.hstack([centers - sizes / 2, centers + sizes / 2])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(sides.clip(min=0).prod())


def test_labels_of_close_points_do_not_overlap() -> None:
    points = np.array([[400.0, 300], [405, 303], [398, 308], [410, 296], [402, 290], [700, 590]])
    sizes = np.tile([90.0, 14.0], (len(points), 1))
    frame = np.array([0.0, 0, 800, 600])
    centers = place_labels(points, sizes, frame)
    boxes = boxes_of(centers, sizes)
    for i, box in enumerate(boxes):
        assert (box[:2] >= frame[:2]).all()
        assert (box[2:] <= frame[2:]).all()
        assert all(overlap(box, other) < 1e-6 for other in boxes[:i])
        assert not any((box[:2] < point).all() and (point < box[2:]).all() for point in points)


def test_label_of_a_single_point_is_on_the_right() -> None:
    centers = place_labels(
        np.array([[100.0, 100]]), np.array([[60.0, 10]]), np.array([0, 0, 400, 400])
    )
    assert centers.tolist() == [[138.0, 100.0]]
    centers = place_labels(
        np.array([[380.0, 100]]), np.array([[60.0, 10]]), np.array([0, 0, 400, 400])
    )
    assert centers.tolist() == [[342.0, 100.0]]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plot_is_reproducible(tmp_path: Path, vectors: np.ndarray, suffix: str) -> None:
    places = plane(vectors)
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        save_plot(WORDS, places, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    if suffix == ".svg":
        assert all(f"<!-- {word} -->" in files[0].read_text() for word in WORDS)
    if suffix == ".png":
        with Image.open(files[0]) as image:
            assert image.size == (1200, 900)


@pytest.mark.slow
def test_dollar_signs_are_literal(tmp_path: Path) -> None:
    save_plot(["$x$", r"$\frac$"], np.array([[0.0, 0], [1, 1]]), tmp_path / "x.svg")
    assert "<!-- $x$ -->" in (tmp_path / "x.svg").read_text()


def test_unknown_suffix_raises(tmp_path: Path) -> None:
    with pytest.raises(
        PluxelError, match=r"x\.docx': unsupported image suffix '\.docx'; supported: .*\.pdf.*\.png"
    ):
        save_plot(WORDS[:2], np.zeros((2, 2)), tmp_path / "x.docx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("matplotlib", "a plot needs matplotlib, which is not installed: pip install matplotlib"),
        ("sklearn", "t-SNE needs scikit-learn, which is not installed: pip install scikit-learn"),
    ],
)
def test_missing_extra_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, message: str
) -> None:
    method: Any = "tsne" if package == "sklearn" else "pca"
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PluxelError) as caught:
        save_plot(WORDS[:4], plane(np.eye(4), method), tmp_path / "x.png")
    assert str(caught.value) == message
