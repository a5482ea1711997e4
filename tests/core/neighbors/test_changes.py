"""Indexes follow changes of the vectors, as by training."""

from __future__ import annotations

import gc

import pytest
import torch
from pluxel.core import knn
from pluxel.core.neighbors import Compact, CosineIndex, _index
from torch import Tensor, nn


def rows(count: int = 9000, dim: int = 8) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(0))


def expected(vectors: Tensor, query: Tensor, k: int) -> list[int]:
    unit = nn.functional.normalize(vectors.double(), dim=1)
    return (unit @ query.double()).topk(k).indices.tolist()


@pytest.mark.parametrize("compact", [False, True])
def test_an_index_follows_training(compact: bool) -> None:
    vectors, query = rows(), torch.ones(8)
    index = CosineIndex(
        vectors, compact=Compact.build(vectors, vectors.double().norm(dim=1)) if compact else None
    )
    before = index.search(query, 5).indices.tolist()
    layer = nn.Embedding.from_pretrained(vectors, freeze=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    (-layer(torch.tensor([3, 7])) @ query * 50).sum().backward()
    optimizer.step()
    found = index.search(query, 5)
    assert found.indices.tolist() == expected(vectors, query, 5) != before
    assert {3, 7} <= {*found.indices.tolist()}
    assert torch.allclose(index.norms, vectors.double().norm(dim=1))


def test_knn_follows_changes_and_keeps_nothing_of_tensors_that_are_gone() -> None:
    vectors, query = rows(), torch.ones(8)
    first = knn(vectors, query, 3)
    assert torch.equal(knn(vectors, query, 3)[0], first[0])
    assert _index._recent[0][0]() is vectors
    vectors[5] = 9
    assert knn(vectors, query, 1)[0].tolist() == [5]
    other = rows() * torch.tensor([-1.0] + [1.0] * 7)
    assert knn(other, query, 3)[0].tolist() == expected(other, query, 3)
    del other
    gc.collect()
    assert not _index._recent


def test_knn_keeps_nothing_for_memory_of_numpy() -> None:
    array = rows().numpy().copy()
    vectors, query = torch.from_numpy(array), torch.ones(8)
    knn(vectors, query, 3)
    array[5] = 9  # torch does not count this change
    assert knn(vectors, query, 1)[0].tolist() == [5]


def test_vectors_of_inference_mode_are_searched() -> None:
    with torch.inference_mode():
        vectors = rows() * 2
    assert knn(vectors, torch.ones(8), 3)[0].tolist() == expected(vectors, torch.ones(8), 3)
    assert CosineIndex(vectors).norms.isfinite().all()
