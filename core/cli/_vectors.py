"""Word vectors and their scores as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.text import byte_size

if TYPE_CHECKING:
    from ..embeddings import AnalogyScores, PairScores, Store, Summary, Tally


def facts_of(store: Store) -> dict[str, Any]:
    words, dim = store.arrays["vectors"].shape
    size = store.path.stat().st_size
    return {"source": store.metadata.get("source"), "words": words, "dim": dim, "size": size}


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows of the summary as titles and values."""
    low, middle, high = summary.norms
    subwords = ", with subword vectors" if summary.subwords else ""
    rows = [
        ("words", f"{summary.words:,} × {summary.dim}"),
        ("first", " ".join(summary.first)),
        ("last", " ".join(summary.last)),
        ("norms", f"{low:.3f} to {high:.3f}, median {middle:.3f}"),
        ("zero vectors", f"{summary.zeros:,}"),
        ("unknown words", f"{summary.unknown}{subwords}"),
    ]
    if summary.store is not None:
        rows.append(("duplicates", f"{summary.duplicates:,} left out"))
        if summary.replaced:
            words = f"{summary.replaced:,} words, with replacement characters"
            rows.append(("not text", f"{words}; {summary.replacement}"))
        if summary.empty:
            rows.append(("empty words", f"{summary.empty:,} left out; the first is {summary.gap}"))
        if summary.doubtful:
            rows.append(
                ("doubtful", f"{summary.doubtful:,} words end in a number; {summary.doubt}")
            )
        rows.append(("source", f"{summary.source}"))
        rows.append(("store", f"{summary.store}"))
    if summary.energy is not None:
        kept = f"{summary.directions} of {summary.dim} directions, {100 * summary.energy:.1f} %"
        rows.append(("compact copy", f"{kept} of the energy"))
    return rows


def pair_lines(file: Path, scores: PairScores) -> list[str]:
    return [
        f"{file.name}: Spearman {scores.spearman:.4f}, Pearson {scores.pearson:.4f}, "
        f"{scores.used:,} of {scores.total:,} pairs known"
    ]


def analogy_lines(file: Path, scores: AnalogyScores) -> list[str]:
    shown = {**scores.sections, **scores.parts, "total": scores.total}
    width = max(map(len, shown))
    return [f"{file.name}:"] + [
        f"  {name:<{width}}  {tally.accuracy:.4f}  {tally.right:,} right, "
        f"{tally.used:,} of {tally.total:,} questions known"
        for name, tally in shown.items()
    ]


def pair_record(scores: PairScores) -> dict[str, Any]:
    from ..common.numerics import finite_or_none

    return {key: finite_or_none(value) for key, value in asdict(scores).items()}


def analogy_record(scores: AnalogyScores) -> dict[str, Any]:
    def plain(tally: Tally) -> dict[str, Any]:
        return {"accuracy": tally.accuracy if tally.used else None, **tally._asdict()}

    return {
        "sections": {name: plain(tally) for name, tally in scores.sections.items()},
        "parts": {name: plain(tally) for name, tally in scores.parts.items()},
        "total": plain(scores.total),
    }


def size_text(size: int) -> str:
    return byte_size(size) if size else "size unknown"
