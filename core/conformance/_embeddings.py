"""What every embedding must guarantee."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from ...registry import PluxelError
from ..contracts.kinds import Embedding
from ..embeddings import StoredVectors, WordVectors
from ._check import ConformanceError, require
from ._subject import Subject

_ABSENT = "qxzjvwk"
"""A word that no vocabulary has."""


def dimension(subject: Subject) -> None:
    """``vectors`` is (N, dim) float32, with one row for each word."""
    found = subject.embedding()
    vectors = torch.as_tensor(found.vectors)
    expected = (len(found.itos), found.dim)
    require(
        tuple(vectors.shape) == expected,
        f"vectors is {tuple(vectors.shape)}; with itos and dim it must be {expected}",
    )
    require(vectors.dtype == torch.float32, f"vectors is {vectors.dtype}, not float32")
    require(bool(vectors.isfinite().all()), "vectors has NaN or infinite values")


def vocabulary(subject: Subject) -> None:
    """``itos`` has no word twice, and ``stoi`` is its inverse."""
    found = subject.embedding()
    words = list(found.itos)
    require(len(words) > 0, "the vocabulary is empty")
    require(len(set(words)) == len(words), "itos has a word twice")
    for row in {0, len(words) // 2, len(words) - 1}:
        require(
            found.stoi.get(words[row]) == row,
            f"stoi[{words[row]!r}] is {found.stoi.get(words[row])}, but itos has it at {row}",
        )
    require(len(found.stoi) == len(words), f"stoi has {len(found.stoi)} words, itos {len(words)}")
    require(_ABSENT not in found.stoi, f"stoi claims to have {_ABSENT!r}")


def unknown_words(subject: Subject) -> None:
    """An unknown word is an error that names it, or what its parameter ``unknown`` promises."""
    found = _words(subject)
    policy = found.unknown
    try:
        vector = found[_ABSENT]
    except PluxelError as error:
        require(policy == "error", f"with unknown: {policy}, an unknown word is an error: {error}")
        require(_ABSENT in str(error), f"the error does not name the word: {error}")
        return
    require(policy != "error", "an unknown word has a vector, although it should be an error")
    expected = {"zero": torch.zeros(found.dim), "mean": found.mean.float()}.get(policy)
    if expected is not None:
        require(_close(vector, expected), f"with unknown: {policy}, the vector is another one")


def phrases(subject: Subject) -> None:
    """The vector of a name of several words is the mean of their unit vectors."""
    found = _words(subject)
    pair = _separable(found)
    unit = [found[word] / found[word].norm() for word in pair]
    expected = torch.stack(unit).mean(0)
    for text in (" ".join(pair), "_".join(pair), "-".join(pair)):
        require(_close(found[text], expected), f"the vector of {text!r} is not the mean")


def _separable(found: WordVectors) -> tuple[str, str]:
    """Return two words that a phrase keeps apart."""
    plain = (
        w for w in found.itos if w.isascii() and w.isalpha() and w.islower() and found[w].any()
    )
    for first, second in pairwise(plain):
        if all(f"{first}{mark}{second}" not in found.stoi for mark in " _-"):
            return first, second
    raise ConformanceError("the vocabulary has no two lowercase words to form a phrase from")


def neighbors(subject: Subject) -> None:
    """The nearest neighbors of a word begin with itself, and their cosines do not increase."""
    found = _words(subject)
    row = next((n for n in range(len(found)) if found.vectors[n].any()), 0)
    nearest = found.index.search(found.vectors[row], min(10, len(found)))
    cosines = nearest.cosines
    require(bool((cosines.diff() <= 0).all()), f"the cosines are not sorted: {cosines.tolist()}")
    require(abs(cosines[0].item() - 1) < 1e-5, "a word is not its own nearest neighbor")


def shared_memory(subject: Subject) -> None:
    """Vectors from a file are memory-mapped, so worker processes share them."""
    found = subject.embedding()
    if not isinstance(found, StoredVectors):
        return  # arrays in memory, which are for small tables
    path = found.store.path
    sent = len(pickle.dumps(found))
    require(sent < max(path.stat().st_size / 2, 4096), f"a copy for a worker is {sent} bytes long")
    maps = Path("/proc/self/maps")
    mapped = not maps.exists() or str(path) in maps.read_text()
    require(mapped, f"{path} is read into memory instead of being mapped")


def _words(subject: Subject) -> WordVectors:
    found: Embedding = subject.embedding()
    return WordVectors.of(found)


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool(torch.allclose(found.float(), expected.float(), atol=1e-5))


CHECKS = (dimension, vocabulary, unknown_words, phrases, neighbors, shared_memory)
