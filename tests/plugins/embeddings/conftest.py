"""A separate cache for each test, and typical files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from . import fasttext_models

WORDS = [
    "the",
    "traffic",
    "light",
    "sign",
    "symbol",
    "beautiful",
    "chip",
    "New York",
    "naïve",
    "\x85",
]
"""Words in vocabulary order, with a space and exotic white space, as in published files."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of cached stores, empty at the start."""
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


@pytest.fixture
def vectors() -> np.ndarray:
    """Return a vector for each of ``WORDS``, (10, 4) float32."""
    return np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)


def lines_of(words: Sequence[str], vectors: np.ndarray) -> list[bytes]:
    """Return lines of text, with all digits of the numbers."""
    return [
        word.encode() + b" " + b" ".join(row)
        for word, row in zip(words, vectors.astype("S32").tolist(), strict=True)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file of these bytes or lines."""

    def write(content: bytes | Sequence[bytes], name: str = "vectors.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else b"\n".join(content) + b"\n")
        return path

    return write


@pytest.fixture(scope="session")
def models(
    tmp_path_factory: pytest.TempPathFactory, peer: Callable[[str], ModuleType]
) -> dict[str, Path]:
    """Return fastText models that the official library trains: files by name."""
    return fasttext_models.train(tmp_path_factory.mktemp("models"), peer("fasttext"))


@pytest.fixture(scope="session")
def published(peer: Callable[[str], ModuleType]) -> dict[str, Path]:
    """Return published fastText models from the packages of peers: files by name."""
    return fasttext_models.published()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return the path for a hand-written fastText model."""
    return tmp_path / "made.bin"
