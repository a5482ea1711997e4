"""Rows to search, and their neighbors by brute force in float64."""

from __future__ import annotations

import torch
from pluxel.core.neighbors import (
    Compact,
    CosineIndex,
    Neighbors,
)
from torch import Tensor


def spread(count: int, dim: int, decay: float = 1.0, seed: int = 0) -> Tensor:
    """Return random rows whose energy decreases over the columns; ``decay`` 0 keeps it even."""
    random = torch.Generator().manual_seed(seed)
    scale = torch.arange(1, dim + 1).float().pow(-decay)
    return torch.randn(count, dim, generator=random) * scale


def cosines(vectors: Tensor, queries: Tensor) -> Tensor:
    """Return the cosines by their definition, (Q, N) float64."""
    rows, batch = vectors.double(), queries.double().reshape(-1, vectors.shape[1])
    peaks = rows.abs().amax(1, keepdim=True), batch.abs().amax(1, keepdim=True)
    rows, batch = rows / (peaks[0] + (peaks[0] == 0)), batch / (peaks[1] + (peaks[1] == 0))
    norms = rows.norm(dim=1), batch.norm(dim=1, keepdim=True)
    products = (batch[:, None] * rows[None]).sum(2)
    return products / (norms[0] + (norms[0] == 0)) / (norms[1] + (norms[1] == 0))


def check(found: Neighbors, truth: Tensor, hidden: Tensor | None = None) -> None:
    """Assert that ``found`` are the k best of ``truth`` (Q, N), up to rounding in float64."""
    k = found.indices.shape[-1]
    indices, values = found.indices.reshape(-1, k).cpu(), found.cosines.reshape(-1, k).cpu()
    truth = truth.clone() if hidden is None else truth.masked_fill(hidden, -torch.inf)
    assert indices.dtype == torch.int64
    assert values.dtype == torch.float64
    best = truth.topk(k, dim=1).values
    torch.testing.assert_close(values, best, rtol=0, atol=1e-12)
    torch.testing.assert_close(truth.gather(1, indices), best, rtol=0, atol=1e-12)
    for row, scores in zip(indices.tolist(), values, strict=True):
        assert len(set(row)) == k
        assert bool((scores[:-1] >= scores[1:]).all())
        for i in range(k - 1):
            assert scores[i] > scores[i + 1] or row[i] < row[i + 1]


def index(vectors: Tensor, compact: bool, width: int | None = None) -> CosineIndex:
    plain = CosineIndex(vectors)
    if not compact:
        return plain
    return CosineIndex(
        vectors, norms=plain.norms, compact=Compact.build(vectors, plain.norms, width=width)
    )
