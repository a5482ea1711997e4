"""Approximate indexes return exact cosines, and never return hidden rows."""

from __future__ import annotations

import sys

import pytest
import torch
from pluxel.core.neighbors import CosineIndex, build_index
from pluxel.registry import PluxelError

KINDS = ["faiss_hnsw", "faiss_ivf"]


@pytest.fixture(scope="module")
def vectors() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn(2000, 16, generator=random) * torch.linspace(1, 0.2, 16)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.peers
def test_most_neighbors_are_found_with_exact_cosines(kind: str, vectors: torch.Tensor) -> None:
    found = build_index(vectors, kind).search(vectors[:40], 5)  # pyright: ignore[reportArgumentType]
    truth = CosineIndex(vectors).search(vectors[:40], 5)
    same = found.indices == truth.indices
    assert same.float().mean() > 0.9
    assert torch.equal(found.cosines[same], truth.cosines[same])
    assert bool((found.cosines[:, :-1] >= found.cosines[:, 1:]).all())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.peers
def test_hidden_rows_are_not_found_and_few_allowed_rows_are_found(
    kind: str, vectors: torch.Tensor
) -> None:
    index = build_index(vectors, kind)  # pyright: ignore[reportArgumentType]
    allowed = torch.tensor([3, 500, 1999, 4])
    found = index.search(vectors[3], 3, exclude=[3], allowed=allowed)
    assert sorted(found.indices.tolist()) == [4, 500, 1999]
    batch = index.search(vectors[:2], 3, exclude=[[0], [1]])
    assert 0 not in batch.indices[0]
    assert 1 not in batch.indices[1]


def test_the_exact_index_is_the_default(vectors: torch.Tensor) -> None:
    assert isinstance(build_index(vectors), CosineIndex)


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(PluxelError, match="unknown index 'faiss_pq'. Available: exact, faiss_hnsw"):
        build_index(torch.ones(3, 2), "faiss_pq")  # pyright: ignore[reportArgumentType]


def test_the_error_without_faiss_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(PluxelError) as caught:
        build_index(torch.ones(3, 2), "faiss_hnsw")
    assert str(caught.value) == (
        "an approximate index needs faiss-cpu, which is not installed: pip install faiss-cpu"
    )
