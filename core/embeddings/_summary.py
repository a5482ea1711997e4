"""A summary of word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ._word_vectors import StoredVectors, Unknown, WordVectors

_SHOWN = 5
_ROWS = 1 << 12
"""Rows to project at once."""


@dataclass(frozen=True)
class Summary:
    """Facts about word vectors, as plain values.

    ``norms``: the smallest, the median and the largest Euclidean norm. ``zeros``: words whose
    vector is all zeros. ``duplicates``: repeated words in the source; the first of each counts.
    ``replaced``: words with bytes that their encoding does not allow; ``replacement`` names the
    first one and the remedy. ``empty``: rows without a word, which are left out; ``gap`` is the
    place of the first one. ``doubtful``: words that end
    in a space and a number, which an extra number on a line of text causes; ``doubt`` is the first
    one. These are None if the vectors do not come from a store or its reader does not report them.
    ``energy``: the share of the unit rows' energy that the compact copy keeps, in [0, 1], in
    ``directions`` of ``dim`` directions.
    """

    words: int
    dim: int
    first: list[str]
    last: list[str]
    norms: tuple[float, float, float]
    zeros: int
    unknown: Unknown
    subwords: bool
    source: str | None = None
    duplicates: int | None = None
    replaced: int | None = None
    replacement: str | None = None
    empty: int | None = None
    gap: str | None = None
    doubtful: int | None = None
    doubt: str | None = None
    store: Path | None = None
    directions: int | None = None
    energy: float | None = None


def summarize(words: WordVectors) -> Summary:
    """Return the summary of word vectors, after one pass over them in blocks."""
    store = words.store if isinstance(words, StoredVectors) else None
    metadata = store.metadata if store else {}
    norms, compact = words.norms.numpy(), words.index.compact
    return Summary(
        words=len(words),
        dim=words.dim,
        first=list(words.itos[:_SHOWN]),
        last=list(words.itos[-_SHOWN:]),
        norms=(float(norms.min()), float(np.median(norms)), float(norms.max())),
        zeros=int((norms == 0).sum()),
        unknown=words.unknown,
        subwords=words.has_subwords,
        source=metadata.get("source"),
        duplicates=_count(metadata.get("duplicates")),
        replaced=_count(metadata.get("replaced")),
        replacement=metadata.get("replacement"),
        empty=_count(metadata.get("empty")),
        gap=metadata.get("gap"),
        doubtful=_count(metadata.get("doubtful")),
        doubt=metadata.get("doubt"),
        store=store.path if store else None,
        directions=compact.basis.shape[1] if compact else None,
        energy=_energy(words, compact.basis.numpy()) if compact else None,
    )


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _energy(words: WordVectors, basis: np.ndarray) -> float:
    """Return the squared length of the unit rows' projections on the basis, on average."""
    rows, count = words.index.rows, int((words.norms > 0).sum())
    directions = torch.from_numpy(basis).double()
    parts = (slice(start, start + _ROWS) for start in range(0, len(words), _ROWS))
    kept = sum(float((rows.unit(part) @ directions).square().sum()) for part in parts)
    return kept / count if count else 1.0
