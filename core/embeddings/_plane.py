"""Places of words in the plane, in which similar vectors are close together."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import torch

from ...registry import PluxelError, needed_by
from ..common.numerics import unit_vectors

ProjectionMethod = Literal["pca", "tsne"]

_FEWEST = {"pca": 2, "tsne": 4}


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
