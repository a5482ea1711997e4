"""Products of codes are exact, with and without SimSIMD."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import torch
from pluxel.core.neighbors import Compact, CosineIndex, _products


@pytest.fixture(params=["simsimd", "numpy"])
def library(request, monkeypatch):
    _products._simsimd.cache_clear()
    if request.param == "numpy":
        monkeypatch.setitem(sys.modules, "simsimd", None)
    yield request.param
    _products._simsimd.cache_clear()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("width", [4, 52, 1040, 1041, 2052])
def test_products_are_exact(library, width, threads, monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(_products, "_PART", 64 * width)
    random = np.random.default_rng(width)
    codes = random.integers(-127, 128, (200, width), dtype=np.int8)
    codes[0], codes[1] = 127, -127
    query = np.full((1, width), 127, np.int8)
    query[0, 1::7] = 126
    out = np.empty(200)
    _products.multiply(query, codes, out)
    assert np.array_equal(out, codes.astype(np.int64) @ query[0].astype(np.int64))
    assert (_products._simsimd() is None) == (library == "numpy")


def test_answers_are_the_same_without_simsimd(monkeypatch) -> None:
    rows = torch.randn(30_000, 24, generator=torch.Generator().manual_seed(0))
    index = CosineIndex(rows, compact=Compact.build(rows, rows.double().norm(dim=1)))
    queries = rows[:5] + 0.1
    expected = [index.search(query, 7) for query in queries]
    calls, by_numpy = [], _products._multiply_by_numpy
    monkeypatch.setattr(
        _products, "_multiply_by_numpy", lambda *args: calls.append(1) or by_numpy(*args)
    )
    monkeypatch.setattr(_products, "_simsimd", lambda: None)
    for query, answer in zip(queries, expected, strict=True):
        found = index.search(query, 7)
        assert torch.equal(found.indices, answer.indices)
        assert torch.equal(found.cosines, answer.cosines)
    assert len(calls) == len(queries)


def test_the_slower_search_is_reported_once(monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "simsimd", None)
    _products._simsimd.cache_clear()
    with caplog.at_level(logging.INFO, "pluxel"):
        for _ in range(2):
            _products.multiply(np.ones((1, 4), np.int8), np.ones((3, 4), np.int8), np.empty(3))
    _products._simsimd.cache_clear()
    assert caplog.messages == [
        "simsimd is not installed; exact search is slower: pip install simsimd"
    ]
