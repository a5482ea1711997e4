"""Word vectors and indexes work in other processes, and in their own after they were sent."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
import torch
from pluxel.core.embeddings import StoredVectors, WordVectors, open_store, writing
from pluxel.core.neighbors import Compact, CosineIndex

from . import sending

COUNT, DIM = 9000, 8  # so many that single queries use the compact copy


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_word_vectors_and_indexes_can_be_sent(tmp_path: Path, method: str) -> None:
    rows = torch.randn(COUNT, DIM, generator=torch.Generator().manual_seed(0))
    words = [f"w{i}" for i in range(COUNT)]
    with writing(tmp_path / "store.safetensors") as writer:
        writer.add([word.encode() for word in words], rows.numpy())
        writer.finish({})
    stored = StoredVectors(open_store(tmp_path / "store.safetensors"))
    index = CosineIndex(rows, compact=Compact.build(rows, rows.double().norm(dim=1)))
    sent = [stored, WordVectors(words, rows.clone()), index]
    expected = [sending.nearest(one) for one in sent]
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    process = context.Process(target=sending.search, args=(sent, answers))
    process.start()
    assert answers.get(timeout=60) == expected
    process.join(timeout=60)
    assert process.exitcode == 0
    # Torch moves what it sends to shared memory; kept views would be of memory that is gone.
    assert [sending.nearest(one) for one in sent] == expected
    assert [*stored.itos[:3], *sent[1].itos[:3]] == words[:3] * 2
    assert stored.stoi["w5"] == sent[1].stoi["w5"] == 5
