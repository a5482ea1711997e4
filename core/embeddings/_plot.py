"""A plot of words in the plane, in which similar vectors are close together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch

from ...registry import PluxelError, needed_by
from ..common.files import replacing
from ..common.numerics import unit_vectors

ProjectionMethod = Literal["pca", "tsne"]

_FEWEST = {"pca": 2, "tsne": 4}
_MARGIN = 0.12
"""Margin around the points for labels, as a share of their extent."""

_DPI = 150

_POINT = 6.0
"""Pixels around a point that its marker covers."""

_RINGS = (8.0, 24.0, 48.0, 80.0, 120.0)
"""Candidate distances of a label from its point, in pixels."""

_EIGHTHS = (0, 4, 2, 6, 1, 7, 3, 5)
"""Candidate directions of a label, in eighths of a turn: right and left first."""

# Creation dates and software versions would make equal plots differ.
_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def plane(vectors: np.ndarray, method: ProjectionMethod = "pca") -> np.ndarray:
    """Return places in the plane, (n, 2) float64, for the directions of vectors (n, D).

    ``pca``: the two directions in which the unit vectors vary most. ``tsne``: neighbors stay
    neighbors, but distances mean little (van der Maaten & Hinton 2008). Both are deterministic.

    Raises: PluxelError for too few vectors, and for t-SNE without scikit-learn.
    """
    if len(vectors) < _FEWEST[method]:
        raise PluxelError(f"{method} needs at least {_FEWEST[method]} words, not {len(vectors)}")
    unit = unit_vectors(torch.from_numpy(np.ascontiguousarray(vectors))).numpy()
    return _pca(unit) if method == "pca" else _tsne(unit)


def _pca(rows: np.ndarray) -> np.ndarray:
    centered = rows - rows.mean(0)
    left, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    places = np.zeros((len(rows), 2))
    places[:, : len(sizes)] = (left * sizes)[:, :2]
    # The decomposition leaves the sign of a direction open: make its largest part positive.
    largest = directions[np.arange(len(directions)), np.abs(directions).argmax(1)][:2]
    places[:, : len(largest)] *= np.where(largest < 0, -1.0, 1.0)
    return places


def _tsne(rows: np.ndarray) -> np.ndarray:
    with needed_by("t-SNE"):
        from sklearn.manifold import TSNE  # noqa: PLC0415 - an extra
    perplexity = min(30.0, (len(rows) - 1) / 3)
    # scikit-learn has no types; a type checker would infer them from its code, in many seconds.
    untyped = cast("Any", TSNE)
    return untyped(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(rows)


def save_plot(words: Sequence[str], places: np.ndarray, path: Path) -> None:
    """Draw words at their places (n, 2) and save the plot in the format of the suffix.

    Each label is placed where it overlaps least with other labels and points (`place_labels`). A
    line connects a distant label to its point.

    Raises: PluxelError without matplotlib, for an unsupported suffix, and if writing fails.
    """
    with needed_by("a plot"):
        import matplotlib as mpl  # noqa: PLC0415 - an extra
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    figure = Figure(figsize=(8, 6), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    known = canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in known:
        choices = ", ".join(f".{suffix}" for suffix in sorted(known))
        raise PluxelError(
            f"'{path}': unsupported image suffix '{path.suffix}'; supported: {choices}"
        )
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(_MARGIN)
    axes.scatter(places[:, 0], places[:, 1], s=16, zorder=3)
    axes.autoscale_view()  # otherwise the limits are set only when drawn
    style = {"ha": "center", "va": "center", "fontsize": 9, "parse_math": False}
    texts = [figure.text(0, 0, word, **style) for word in words]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    for text in texts:
        text.remove()
    points = axes.transData.transform(places)
    sizes = np.array([(box.width, box.height) for box in boxes])
    centers = place_labels(points, sizes, np.array(axes.bbox.extents))
    for word, place, offset in zip(words, places, (centers - points) * 72 / _DPI, strict=True):
        line = {"arrowstyle": "-", "lw": 0.5, "color": "0.6", "shrinkA": 1, "shrinkB": 3}
        axes.annotate(word, place, offset, textcoords="offset points", arrowprops=line, **style)
    with mpl.rc_context({"svg.hashsalt": "pluxel"}), replacing(path) as unfinished:
        figure.savefig(unfinished, metadata=_METADATA.get(path.suffix))


def place_labels(points: np.ndarray, sizes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return the centers of labels of these sizes (n, 2) for points (n, 2), in pixels.

    Labels are placed one by one, each where it overlaps least with the points, with the labels
    placed before it and with the area outside the frame (x0, y0, x1, y1). Ties go to the nearest
    place.
    """
    angles = np.tile(_EIGHTHS, len(_RINGS)) * np.pi / 4
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    distances = np.repeat(_RINGS, len(_EIGHTHS))[:, None]
    taken = [*np.hstack([points - _POINT, points + _POINT])]
    centers = np.empty_like(points)
    for i, (point, size) in enumerate(zip(points, sizes, strict=True)):
        possible = point + directions * (size / 2 + distances)
        boxes = np.hstack([possible - size / 2, possible + size / 2])
        covered = size.prod() - _common(boxes, frame)
        covered += sum(_common(boxes, other) for other in taken)
        best = int(covered.round(3).argmin())  # an area of 1e-12 counts as zero
        centers[i] = possible[best]
        taken.append(boxes[best])
    return centers


def _common(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the areas in which boxes (n, 4) overlap another box (4,)."""
    sides = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
    return sides.clip(min=0).prod(1)
