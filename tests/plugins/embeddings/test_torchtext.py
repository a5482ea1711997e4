"""The folder in which torchtext keeps vectors."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pluxel.core.embeddings import reader_of
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.registry import Host, PluxelError

from .conftest import WORDS, lines_of

TEXT = "glove.6B.50d.txt"
DIM = 50


@pytest.fixture
def wide() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(len(WORDS), DIM)).astype(np.float32)


def keep(folder: Path, name: str, vectors: np.ndarray) -> None:
    """Write vectors as torchtext keeps them."""
    folder.mkdir(exist_ok=True)
    content = b"\n".join(lines_of(WORDS, vectors))
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("glove.6B.100d.txt", b"the 1 2")
            archive.writestr(TEXT, content)
    elif name.endswith(".pt"):
        numbers = {word: i for i, word in enumerate(WORDS)}
        torch.save((WORDS, numbers, torch.from_numpy(vectors), vectors.shape[1]), folder / name)
    else:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("kept", ["glove.6B.zip", TEXT, f"{TEXT}.pt"])
@pytest.mark.parametrize("place", ["mine", ".vector_cache"])
def test_folder_of_torchtext(
    tmp_path: Path, wide: np.ndarray, kept: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keep(tmp_path / place, kept, wide)
    cache = tmp_path / place if place == "mine" else None
    found = GloVe(name="glove.6B.50d", cache=cache)
    assert [*found.itos] == WORDS
    assert (found.vectors.numpy() == wide).all()


@pytest.mark.parametrize("kept", ["wiki.simple.vec", "wiki.simple.vec.pt"])
def test_folder_of_torchtext_with_fasttext(
    tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), 300)).astype(np.float32)
    keep(tmp_path / ".vector_cache", kept, vectors)
    found = FastText(name="fasttext.simple.300d")
    assert [*found.itos] == WORDS
    assert (found.vectors.numpy() == vectors).all()


def test_downloads_of_pluxel_come_first(tmp_path: Path, wide: np.ndarray, cache: Path) -> None:
    (cache / "downloads").mkdir(parents=True)
    keep(cache / "downloads", "glove.6B.zip", wide)
    keep(cache.parent, TEXT, wide * 2)
    assert (GloVe(name="6B", dim=50).vectors.numpy() == wide).all()


def test_a_file_of_torchtext(tmp_path: Path, wide: np.ndarray) -> None:
    keep(tmp_path, "mine.pt", wide)
    assert (GloVe(file=tmp_path / "mine.pt", dim=50).vectors.numpy() == wide).all()
    assert reader_of(Host(), tmp_path / "mine.pt").name == "glove"
    with pytest.raises(PluxelError, match=r"mine.pt has 50 dimensions, not 100"):
        GloVe(file=tmp_path / "mine.pt", dim=100)


@pytest.mark.parametrize(
    "content",
    [
        {"weight": torch.zeros(2, 3)},
        (["a"], {"a": 0}, torch.zeros(2, 3), 3),
        ([1, 2], {}, torch.zeros(2, 3), 3),
        (["a", "b"], {}, torch.zeros(2, 3, dtype=torch.int64), 3),
        (["a", "b"], {}, torch.zeros(2), 3),
    ],
    ids=range(5),
)
def test_other_pickles_raise(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(PluxelError, match=r"x.pt does not contain vectors from torchtext"):
        GloVe(file=tmp_path / "x.pt")


def test_a_pickle_with_code_is_not_executed(tmp_path: Path) -> None:
    torch.save(Path("x"), tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(b"no pickle")
    for name in ("x.pt", "y.pt"):
        with pytest.raises(PluxelError, match=rf"{name} is not a file of vectors from torchtext"):
            GloVe(file=tmp_path / name)
