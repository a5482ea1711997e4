"""An empty cache for each test, and stores written as a reader writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.embeddings import Store, open_store, writing


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of cached stores, empty at the start of each test."""
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


def stored(
    path: Path, words: Sequence[str], vectors: np.ndarray, rows: int = 1000, **metadata: str
) -> Store:
    """Write a store, ``rows`` at a time, and map it."""
    with writing(path) as writer:
        for start in range(0, len(words), rows):
            block = slice(start, start + rows)
            writer.add([word.encode() for word in words[block]], vectors[block])
        writer.finish(metadata)
    return open_store(path)
