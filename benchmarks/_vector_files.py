"""Good files of every format of word vectors, and what must come of a damaged one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pluxel.core.embeddings import StoredVectors, WordVectors, write_vectors
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.plugins.embeddings.table import Table
from pluxel.plugins.embeddings.word2vec import Word2Vec
from safetensors.numpy import save

ROWS, DIM = 24, 8
WORDS = ["the", "of", "naïve", "日本語", *(f"word{i}" for i in range(ROWS - 4))]


@dataclass(frozen=True)
class Case:
    """A valid file with ``rows`` and ``dim``, and the function that reads it.

    ``is_text``: each line of a damaged file is a row. ``is_mapped``: values are not read.
    ``beside``: a second file.
    """

    name: str
    content: bytes
    make: Callable[..., StoredVectors]
    rows: int = ROWS
    dim: int = DIM
    is_text: bool = False
    is_mapped: bool = False
    beside: tuple[str, bytes] | None = None

    def wrong_shape(self, found: StoredVectors, content: bytes) -> str:
        """Return what is wrong with vectors read from a damaged file, or an empty text."""
        if (
            any(found.stoi.get(word) != i for i, word in enumerate(found.itos))
            and not self.is_mapped
        ):
            return "words that are not found where they stand"
        rows = len(found) + (0 if self.is_mapped else int(found.store.metadata["duplicates"]))
        shape = (len(found), found.dim)
        if tuple(found.vectors.shape) != shape or len(found.itos) != len(found):
            return f"vectors {tuple(found.vectors.shape)} of {shape}"
        if not self.is_mapped and not torch.isfinite(found.vectors).all():
            return "values that are not finite"
        expected = self.rows
        if self.is_text:
            lines = [line for line in content.split(b"\n") if line.strip(b" \t\r")]
            has_header = re.fullmatch(rb"\d+[ \t]+\d+[ \t]*\r?", lines[0])
            expected = len(lines) - bool(has_header)
            if wrong := wrong_rows(found, lines[-expected:]):
                return wrong
            if expected == 1:  # a single line may have any dimension
                return "" if rows == 1 else f"{rows} rows of one line"
        return "" if (rows, found.dim) == (expected, self.dim) else f"{rows} × {found.dim}"


def fields_of(line: bytes, dim: int) -> list[bytes]:
    """Split a line into its word and numbers; tabs and several spaces may separate them."""
    fields = line.rsplit(b" ", dim)
    if len(fields) <= dim or not all(field and b"\t" not in field for field in fields[1:]):
        fields = re.sub(rb"[ \t]+", b" ", line).rsplit(b" ", dim)
    return [fields[0].rstrip(b" \t") or fields[0], *fields[1:]]


def wrong_rows(found: StoredVectors, lines: Sequence[bytes]) -> str:
    """Return differences to the words and numbers of the lines; the first of equal words counts."""
    expected: dict[str, list[bytes]] = {}
    for line in lines:
        word, *numbers = fields_of(line.rstrip(b" \t\r"), found.dim)
        expected.setdefault(word.decode(errors="replace"), numbers)
    if [*found.itos] != [*expected]:
        return f"{len(found)} words instead of the {len(expected)} in the lines"
    for row, (word, numbers) in zip(found.vectors.numpy(), expected.items(), strict=True):
        try:
            values = np.array([float(number) for number in numbers]).astype(np.float32)
        except ValueError:
            return f"'{word}' has a vector, but {numbers} are not numbers"
        if not np.array_equal(row, values):
            return f"'{word}' is {row}, not {values}"
    return ""


def lines(vectors: np.ndarray, end: str = "\n") -> bytes:
    """Return a text file without a header."""
    return "".join(
        f"{word} {' '.join(f'{value:.5f}' for value in row)}{end}"
        for word, row in zip(WORDS, vectors, strict=True)
    ).encode()


def cases() -> dict[str, Case]:
    """Return a good file for each reader."""
    vectors = np.random.default_rng(0).normal(size=(ROWS, DIM)).astype("<f4")
    plain = lines(vectors)
    array = io.BytesIO()
    np.save(array, vectors)
    header = b"%d %d\n" % vectors.shape
    rows = (w.encode() + b" " + v.tobytes() for w, v in zip(WORDS, vectors, strict=True))
    binary = header + b"\n".join(rows) + b"\n"
    spaced = header + lines(vectors, " \n")
    listed = (".txt", "\n".join(WORDS).encode())
    text = partial(Case, is_text=True)
    found = [
        text("glove.txt", plain, GloVe),
        text("glove-with-dim.txt", plain, partial(GloVe, dim=DIM)),
        Case("glove.zip", zipped("a.txt", plain), GloVe),
        Case("glove.gz", gzip.compress(plain), GloVe),
        Case("glove.bz2", bz2.compress(plain), GloVe),
        Case("glove.xz", lzma.compress(plain), GloVe),
        Case("glove-lzma.zip", zipped("a.txt", plain, zipfile.ZIP_LZMA), GloVe),
        Case("glove-bzip2.zip", zipped("a.txt", plain, zipfile.ZIP_BZIP2), GloVe),
        Case("torchtext.pt", torchtext(vectors), GloVe),
        text("word2vec.txt", header + plain, Word2Vec),
        Case("word2vec.bin", binary, Word2Vec),
        Case("word2vec.bin.zip", zipped("a.bin", binary), Word2Vec),
        Case("word2vec.bin.gz", gzip.compress(binary), Word2Vec),
        Case("table.npy", array.getvalue(), Table, beside=listed),
        Case("table.safetensors", save({"rows": vectors}), Table, beside=listed),
        Case("store.safetensors", store(vectors), Table, is_mapped=True),
        text("fasttext.vec", spaced, FastText),
        Case("fasttext.vec.zip", zipped("a.vec", spaced), FastText),
        *models(),
    ]
    return {case.name: case for case in found}


def torchtext(vectors: np.ndarray) -> bytes:
    """Return the file that torchtext keeps."""
    packed = io.BytesIO()
    numbers = {word: i for i, word in enumerate(WORDS)}
    torch.save((WORDS, numbers, torch.from_numpy(vectors), vectors.shape[1]), packed)
    return packed.getvalue()


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def store(vectors: np.ndarray) -> bytes:
    """Return the bytes of a store written by Pluxel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.safetensors")
        write_vectors(WordVectors(WORDS, torch.from_numpy(vectors)), path, "store")
        return path.read_bytes()


def models() -> list[Case]:
    """Return plain and pruned models of the official library, if it is installed."""
    try:
        import fasttext  # noqa: PLC0415
    except ImportError:
        print("models of fasttext: not run; pip install fasttext-numpy2")
        return []
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghé", k=chance.randint(1, 6))) for _ in range(40)]
    text = [f"__label__{i % 260} {' '.join(chance.choices(words, k=9))}" for i in range(520)]
    # The library fills its matrix in one piece per thread, so the thread count must divide it.
    usual: dict[str, Any] = {"dim": 10, "epoch": 1, "minCount": 1, "thread": 10, "verbose": 0}
    parts: dict[str, Any] = {"minn": 2, "maxn": 3, "bucket": 600}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus.txt")
        corpus.write_text("\n".join(text), encoding="utf-8")
        plain = fasttext.train_unsupervised(str(corpus), **usual, **parts)
        pruned = fasttext.train_supervised(str(corpus), **usual, **parts, loss="softmax")
        pruned.quantize(str(corpus), cutoff=300, dsub=4, qnorm=True, verbose=0, thread=1)
        for name, model in {"fasttext.bin": plain, "fasttext.ftz": pruned}.items():
            path = Path(folder, name)
            model.save_model(str(path))
            good = FastText(file=path, cache=Path(folder))
            rows = len(good) + int(good.store.metadata["duplicates"])
            found.append(Case(name, path.read_bytes(), FastText, rows, good.dim))
            content = gzip.compress(path.read_bytes())
            found.append(Case(f"{name}.gz", content, FastText, rows, good.dim))
    return found
