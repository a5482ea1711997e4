"""fastText: word vectors with subwords.

Bojanowski, Grave, Joulin, Mikolov: "Enriching Word Vectors with Subword Information", TACL 2017;
Joulin et al.: "FastText.zip: Compressing text classification models", 2016 (quantized models).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.authoring import (
    Download,
    Store,
    StoredVectors,
    StoreWriter,
    Unknown,
    Words,
    cached_store,
    read_text,
    source_file,
    unpacked,
    unpacked_stream,
)
from ...registry import PluxelError, did_you_mean
from ._fasttext_file import FastTextHeader, Matrices, Matrix, read_header, read_matrices
from ._fasttext_parts import Parts
from ._formats import FASTTEXT, other_reader
from ._torchtext import is_torchtext, read_torchtext

_SITE = "https://dl.fbaipublicfiles.com/fasttext"
_PUBLISHED = (
    Download(
        "fasttext.en.300d",
        f"{_SITE}/vectors-wiki/wiki.en.vec",
        hash="sha256:ba5420ac217fb34f15f58ded0d911a4370dfb1f3341fa7511a49ae74c87de282",
    ),
    Download("fasttext.simple.300d", f"{_SITE}/vectors-wiki/wiki.simple.vec"),
    Download(
        "wiki-news-300d-1M", f"{_SITE}/vectors-english/wiki-news-300d-1M.vec.zip", 681_808_098
    ),
    Download("crawl-300d-2M", f"{_SITE}/vectors-english/crawl-300d-2M.vec.zip", 1_523_785_255),
    Download(
        "crawl-300d-2M-subword",
        f"{_SITE}/vectors-english/crawl-300d-2M-subword.zip",
        member="crawl-300d-2M-subword.bin",
    ),
    Download("cc.en.300", f"{_SITE}/vectors-crawl/cc.en.300.bin.gz", 4_503_593_528),
)
"""The publisher states neither hash nor size of most files."""

_OF_LANGUAGES = {
    re.compile(r"wiki\.([a-z_]+)"): "vectors-wiki/wiki.{}.vec",
    re.compile(r"fasttext\.([a-z_]+)\.300d"): "vectors-wiki/wiki.{}.vec",
    re.compile(r"cc\.([a-z_]+)\.300"): "vectors-crawl/cc.{}.300.bin.gz",
}
_DIM = 300
"""Dimensions of all published vectors."""

_SUFFIXES = re.compile(r"(\.(vec|bin|ftz|zip|gz|bz2|xz|pt))+$", re.IGNORECASE)

_WORDS = 1 << 10
"""Words computed from their subwords at a time."""

_ROWS = 1 << 23
"""Values gathered at a time to compute word vectors."""


class FastText(StoredVectors):
    """Vectors of a published model, or of a file: .vec text, or a .bin or .ftz model.

    The vector of a word in the dictionary is the mean of its own row and the rows of its subwords.
    The vector of any other word is the mean of the rows of its subwords (zeros if a pruned model
    keeps none of them). A model file stays memory-mapped while it is in use.

    ``name``: ``wiki.en``, ``cc.en.300`` or the same for another language, ``crawl-300d-2M`` or
    another name in `aliases`. ``file``: a file to use instead of a download, plain or in a .zip,
    .gz, .bz2 or .xz file, or a .pt file of torchtext; ``name`` then states which vectors it must
    contain. ``unknown``: what to return for words without a vector; by default ``subword`` for a
    model with subwords, else ``error``. ``cache``: the folder of downloads and converted stores; if
    torchtext keeps vectors in it, they are used. ``download``: download the file if it is missing.
    ``encoding``: the encoding of the words.

    ``labels``: the labels of a supervised model; ``label_vectors``: their rows.

    Raises: PluxelError for an unknown name, for a file of other vectors, and for a damaged file,
    with the byte or the line; MissingFile if the file is missing.
    """

    suffixes = (".ftz", ".bin")

    def __init__(
        self,
        *,
        name: str | None = None,
        file: Path | None = None,
        unknown: Unknown | None = None,
        cache: Path | None = None,
        download: bool = False,
        encoding: str = "utf-8",
    ) -> None:
        published = None if name is None else _published(name)
        if file and published:
            _check_name(file, published)
        source = source_file(file, published, cache=cache, permitted=download)
        member = published.member if published else ""
        # A model is memory-mapped, so it must be unpacked.
        is_model = _is_model(source, member)
        self._model = unpacked(source, member, cache=cache) if is_model else None
        self._state = _state(self._model) if self._model else None
        self._encoding = encoding
        if self._model:
            store = _converted(self._model, encoding, cache)
        else:
            store = _read(source, member, encoding, cache)
        self._parts = _parts_of(store)
        self.has_subwords = bool(self._parts)
        usual: Unknown = "subword" if self.has_subwords else "error"
        super().__init__(store, unknown=unknown or usual)
        if published and self.dim != _DIM:
            raise PluxelError(
                f"{source} has {self.dim} dimensions, but those of '{name}' have {_DIM}"
            )

    @classmethod
    def sniff(cls, head: bytes) -> bool:
        """Return whether a file begins like a model."""
        return head.startswith(FASTTEXT)

    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        """Return the published files; names for other languages have the same form."""
        return _PUBLISHED

    @classmethod
    def offer(cls, name: str) -> Download | None:
        """Return the published file with this name, in any language, or None."""
        return _found(name)

    def known(self, word: str) -> Tensor | None:
        """Return the vector of one word, (D,) float32, from subwords if needed, or None."""
        return self.known_of([word])[0]

    def known_of(self, words: Sequence[str]) -> list[Tensor | None]:
        """Return the result of `known` for each word, much faster than one by one."""
        listed = super().known
        found = [listed(word) for word in words]
        if self.unknown == "subword":
            others = [i for i, vector in enumerate(found) if vector is None]
            for start in range(0, len(others), _WORDS):
                block = others[start : start + _WORDS]
                for i, vector in zip(block, self._of_parts([words[i] for i in block]), strict=True):
                    found[i] = self._finite(vector, f"the subwords of '{words[i]}'")
        return found

    def _of_parts(self, words: Sequence[str]) -> np.ndarray:
        """Return the means of subword rows, (n, D) float64; zeros for words without any."""
        found = self._parts.of([word.encode(self._encoding, errors="replace") for word in words])
        if not len(found.row):
            return np.zeros((len(words), self.dim))
        rows = found.row + int(self.store.metadata["rows"])
        return _means(found.word, rows, len(words), self._matrices.inputs)

    @cached_property
    def labels(self) -> list[str]:
        """The labels of a supervised model, including their prefix."""
        text = self.store.arrays["labels"].numpy().tobytes() if self._model else b""
        return text.decode(errors="replace").split("\0")[:-1]

    @cached_property
    def label_vectors(self) -> Tensor:
        """The output row of each label, (L, D) float32.

        Raises: PluxelError for a model without labels, and for a model with hierarchical softmax,
        whose output rows are nodes of a tree, not labels.
        """
        if not self.labels:
            raise PluxelError(f"{self.store.metadata['source']} has no labels")
        if self.store.metadata["hierarchical"] == "True":
            raise PluxelError(
                f"{self.store.metadata['source']} was trained with hierarchical softmax: "
                "its output rows are nodes of a tree, not labels"
            )
        rows = self._matrices.outputs.rows(np.arange(len(self.labels)))
        return self._finite(rows, "the rows of the labels")

    def _finite(self, vectors: np.ndarray, what: str) -> Tensor:
        """Return vectors as float32. Raises: PluxelError for a value that is not finite."""
        if not np.isfinite(vectors).all():
            source = self.store.metadata["source"]
            raise PluxelError(f"{source}: {what} have a value that is not a finite number")
        return torch.from_numpy(np.ascontiguousarray(vectors, np.float32))

    @cached_property
    def _matrices(self) -> Matrices:
        if self._model is None:
            raise PluxelError(
                f"{self.store.metadata['source']} is a text file, which has no matrices"
            )
        if _state(self._model) != self._state:
            raise PluxelError(f"{self._model} has changed since its words were read; load it again")
        known = self.store.metadata
        return read_matrices(self._model, int(known["end"]), has_flags=known["flags"] == "True")


def _found(name: str) -> Download | None:
    for one in _PUBLISHED:
        if one.alias == name:
            return one
    for pattern, place in _OF_LANGUAGES.items():
        if found := pattern.fullmatch(name):
            return Download(name, f"{_SITE}/{place.format(found[1])}")
    return None


def _published(name: str) -> Download:
    """Look up a published file. Raises: PluxelError with the nearest name."""
    if found := _found(name):
        return found
    if name.startswith("glove."):
        raise PluxelError(f"'{name}' is available from the embedding 'glove'")
    names = [one.alias for one in _PUBLISHED]
    raise PluxelError(f"fastText has no '{name}'.{did_you_mean(name, [*names, 'wiki.en'])}")


def _check_name(file: Path, published: Download) -> None:
    """Raise PluxelError if the name of a file is that of other published vectors."""
    stem = _SUFFIXES.sub("", file.name)
    found = _found(stem)
    if found and found.url != published.url:
        raise PluxelError(f"{file} contains '{stem}', but 'name' is '{published.alias}'")


def _is_model(path: Path, member: str) -> bool:
    if is_torchtext(path):
        return False
    with unpacked_stream(path, member) as stream:
        named = stream.inner.lower().endswith((".bin", ".ftz"))
        return named or stream.file.read(len(FASTTEXT)) == FASTTEXT


def _state(path: Path) -> tuple[int, int, int]:
    """Return inode, size and time of a file. Raises: PluxelError if it cannot be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(source: Path, member: str, encoding: str, cache: Path | None) -> Store:
    def build(writer: StoreWriter) -> Mapping[str, str]:
        if is_torchtext(source):
            return read_torchtext(source, writer)
        with unpacked_stream(source, member) as stream:
            return read_text(stream, writer, encoding=encoding, hint=other_reader)

    recipe = {"reader": "fasttext text 3", "member": member, "encoding": encoding}
    return cached_store(source, recipe, build, cache=cache)


def _converted(source: Path, encoding: str, cache: Path | None) -> Store:
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


def _parts_of(store: Store) -> Parts:
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
    return _means(owner, rows, len(tokens), matrix)


def _means(owner: np.ndarray, rows: np.ndarray, count: int, matrix: Matrix) -> np.ndarray:
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
