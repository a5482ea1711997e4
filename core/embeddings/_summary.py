"""What is to be said of word vectors at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._store import blocks
from ._word_vectors import StoredVectors, Unknown, WordVectors

_SHOWN = 5


@dataclass(frozen=True)
class Summary:
    """Facts on word vectors, as plain values.

    ``norms``: the smallest, the median and the largest Euclidean norm. ``zeros``: words whose
    vector is zeros. ``duplicates``: words that the source had twice, of which the first counts.
    ``replaced``: words that are not in its encoding. ``doubtful``: words that end in a space and a
    number, as where a line of text has a number too many, and ``doubt``, the first of them. None
    where the vectors do not come from a store, or where its reader does not tell. ``energy``: the
    share of the unit rows' energy that the compact copy keeps, in [0, 1], in ``directions`` of
    ``dim``.
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
    doubtful: int | None = None
    doubt: str | None = None
    store: Path | None = None
    directions: int | None = None
    energy: float | None = None


def summarize(words: WordVectors) -> Summary:
    """Read all vectors once, by blocks, and return what there is to say."""
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
        doubtful=_count(metadata.get("doubtful")),
        doubt=metadata.get("doubt"),
        store=store.path if store else None,
        directions=compact.basis.shape[1] if compact else None,
        energy=_energy(words, compact.basis.numpy()) if compact else None,
    )


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _energy(words: WordVectors, basis: np.ndarray) -> float:
    """Return the mean over all unit rows of the squared length of what the basis keeps."""
    kept, count, start = 0.0, 0, 0
    norms = words.norms.numpy()
    for rows in blocks(words.vectors.numpy()):
        own = norms[start : start + len(rows)]
        start += len(rows)
        there = own > 0
        kept += float((((rows[there] / own[there, None]) @ basis) ** 2).sum(dtype=np.float64))
        count += int(there.sum())
    return kept / count if count else 1.0
