"""The plot of words in the plane: labels and files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.pictures.words import place_labels, save_plot
from pluxel.registry import PluxelError

WORDS = ["road", "street", "highway", "car", "bus", "truck", "cat", "dog", "horse", "sheep"]


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
def test_plot_is_reproducible(tmp_path: Path, suffix: str) -> None:
    places = np.random.default_rng(0).normal(size=(len(WORDS), 2))
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


def test_missing_package_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PluxelError) as caught:
        save_plot(WORDS[:2], np.zeros((2, 2)), tmp_path / "x.png")
    assert str(caught.value) == (
        "a plot needs matplotlib, which is not installed: pip install matplotlib"
    )
