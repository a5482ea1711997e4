"""Convert the words of a fastText model to a store, each with the mean of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...core.authoring import Store, StoreWriter, Words, cached_store
from ...registry import PluxelError
from ._fasttext_file import FastTextHeader, Matrices, Matrix, read_header, read_matrices
from ._fasttext_parts import Parts

_ROWS = 1 << 23
"""Values gathered at a time to compute word vectors."""


def read_model(source: Path, encoding: str, cache: Path | None) -> Store:
    """Return the store of a model: its words, labels and subword settings."""

    def build(writer: StoreWriter) -> Mapping[str, str]:
        head = read_header(source)
        if not head.words:
            raise PluxelError(f"{source}: the model has no words")
        matrices = read_matrices(source, head.end, has_flags=head.has_flags)
        parts = head.parts
        _check_fit(source, head, matrices)
        words = Words(str(source), encoding)
        for start, stop in _steps(head):
            tokens = head.words[start:stop]
            writer.add(
                words(tokens, lambda i, s=start: f"word {s + i:,}"),
                _vectors(tokens, start, len(head.words), parts, matrices.inputs),
                lambda i, s=start: f"{source}, word {s + i:,}",
            )
        facts = words.facts()
        # A zero ends each label, as in the model; a label may contain any other byte.
        ended = b"".join(label + b"\0" for label in head.labels)
        writer.attach("labels", np.frombuffer(ended, np.uint8))
        if parts.pruned is not None:
            writer.attach("pruned", np.ascontiguousarray(parts.pruned))
        kept = {"minn": parts.minn, "maxn": parts.maxn, "bucket": parts.bucket}
        return {
            "parts": json.dumps(kept),
            "rows": str(len(head.words)),
            "end": str(head.end),
            "flags": str(head.has_flags),
            "supervised": str(head.is_supervised),
            "hierarchical": str(head.is_hierarchical),
            **facts,
        }

    recipe = {"reader": "fasttext model 3", "encoding": encoding}
    return cached_store(source, recipe, build, cache=cache)


def parts_of(store: Store) -> Parts:
    if "parts" not in store.metadata:
        return Parts(0, 0, 0)
    pruned = store.arrays.get("pruned")
    numbers = json.loads(store.metadata["parts"])
    return Parts(**numbers, pruned=None if pruned is None else pruned.numpy())


def _check_fit(source: Path, head: FastTextHeader, matrices: Matrices) -> None:
    """Compare dictionary and matrices. Raises: PluxelError if rows are missing."""
    rows, dim = matrices.inputs.shape
    pruned, parts = head.parts.pruned, 0
    if head.parts.maxn > 0:
        last = pruned[:, 1] if pruned is not None else np.array([head.parts.bucket - 1])
        parts = int(last.max(initial=-1)) + 1
        if int(last.min(initial=0)) < 0:
            raise PluxelError(f"{source}: a subword has a negative row")
    if dim != head.dim or rows < len(head.words) + parts:
        raise PluxelError(
            f"{source}: {len(head.words):,} words and {parts:,} subwords of {head.dim} "
            f"dimensions do not fit vectors {matrices.inputs.shape}"
        )
    if head.is_supervised and (
        matrices.outputs.shape[0] < len(head.labels) or matrices.outputs.shape[1] != head.dim
    ):
        raise PluxelError(
            f"{source}: {len(head.labels):,} labels of {head.dim} dimensions do not fit "
            f"{matrices.outputs.shape}"
        )


def _steps(head: FastTextHeader) -> Sequence[tuple[int, int]]:
    """Split the words so that the gathered rows of each piece take tens of megabytes."""
    lengths = np.array([len(word) for word in head.words], np.int64)
    each = np.ones(len(lengths), np.int64)
    if parts := head.parts:
        each += (lengths + 2) * (parts.maxn - max(parts.minn, 1) + 1)
    whole = each.cumsum() * head.dim // _ROWS
    cuts = [*np.flatnonzero(np.diff(whole, prepend=-1)).tolist(), len(lengths)]
    return [*pairwise(cuts)]


def _vectors(
    tokens: Sequence[bytes], start: int, words: int, parts: Parts, matrix: Matrix
) -> np.ndarray:
    """Return the means of the rows of words, (n, D) float64; ``start``: the first word's number."""
    found = parts.of(tokens)
    own = np.arange(len(tokens))
    owner = np.concatenate([own, found.word])
    rows = np.concatenate([own + start, found.row + words])
    return means(owner, rows, len(tokens), matrix)


def means(owner: np.ndarray, rows: np.ndarray, count: int, matrix: Matrix) -> np.ndarray:
    """Return the mean of the rows (E,) of each owner (E,), (count, D) float64; zeros if none."""
    order = np.argsort(owner, kind="stable")
    gathered = matrix.rows(rows[order])
    counts = np.bincount(owner, minlength=count)
    has_rows = counts > 0
    means = np.zeros((count, gathered.shape[1]))
    firsts = (counts.cumsum() - counts)[has_rows]
    with np.errstate(invalid="ignore"):  # callers report it, with the word
        sums = np.add.reduceat(gathered, firsts, axis=0, dtype=np.float64)
    means[has_rows] = sums / counts[has_rows, None]
    return means
