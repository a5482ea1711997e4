"""A search on a GPU returns the same results, even if TF32 or half precision is allowed."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.neighbors import CosineIndex

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def rows(count: int, dim: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    scale = torch.arange(1, dim + 1).float().pow(-0.5)
    return (torch.randn(count, dim, generator=random) * scale).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_results_equal_those_of_the_cpu_bit_for_bit(dtype: torch.dtype) -> None:
    vectors = rows(30_000, 48, dtype)
    vectors[20_000:] = vectors[:10_000]
    vectors[17] = 0
    on_cpu, on_gpu = CosineIndex(vectors), CosineIndex(vectors.cuda())
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        for queries in (vectors[5], vectors[:200]):
            for allowed in (None, torch.arange(30_000) % 3 > 0):
                expected = on_cpu.search(queries, 10, exclude=[3, 4], allowed=allowed)
                found = on_gpu.search(queries, 10, exclude=[3, 4], allowed=allowed)
                assert found.indices.is_cuda
                assert torch.equal(expected.indices, found.indices.cpu())
                assert torch.equal(expected.cosines, found.cosines.cpu())
    finally:
        torch.set_float32_matmul_precision(before)


def test_huge_denormal_and_equal_rows() -> None:
    vectors = rows(5000, 20)
    vectors[:2000] *= 1e-42
    vectors[2000] *= 1e37
    vectors[3000:] = 0.5
    indexes = CosineIndex(vectors), CosineIndex(vectors.cuda())
    expected, found = (index.search(vectors[1990:2010], 50) for index in indexes)
    assert torch.equal(expected.indices, found.indices.cpu())
    assert torch.equal(expected.cosines, found.cosines.cpu())


def test_ties_of_integers_are_in_order() -> None:
    signs = rows(9000, 50).sign()
    order = (signs[:20] @ signs.T).sort(descending=True, stable=True).indices[:, :30]
    found = CosineIndex(signs.cuda()).search(signs[:20].cuda(), 30)
    assert torch.equal(found.indices.cpu(), order)


def test_search_works_with_deterministic_algorithms() -> None:
    vectors = rows(3000, 20).cuda()
    torch.use_deterministic_algorithms(True)
    try:
        found = CosineIndex(vectors).search(vectors[:50], 1)
    finally:
        torch.use_deterministic_algorithms(False)
    assert found.indices.flatten().tolist() == list(range(50))
