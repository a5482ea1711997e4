"""fastText: word vectors with subwords.

Bojanowski, Grave, Joulin, Mikolov: "Enriching Word Vectors with Subword Information", TACL 2017;
Joulin et al.: "FastText.zip: Compressing text classification models", 2016 (quantized models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
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
    cached_store,
    read_text,
    source_file,
    unpacked,
    unpacked_stream,
)
from ...registry import PluxelError
from ._fasttext_file import Matrices, read_matrices
from ._fasttext_published import DIM, PUBLISHED, check_name, offered, published_file
from ._fasttext_store import means, parts_of, read_model
from ._formats import FASTTEXT, other_reader
from ._torchtext import is_torchtext, read_torchtext

_WORDS = 1 << 10
"""Words computed from their subwords at a time."""


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
        published = None if name is None else published_file(name)
        if file and published:
            check_name(file, published)
        source = source_file(file, published, cache=cache, permitted=download)
        member = published.member if published else ""
        # A model is memory-mapped, so it must be unpacked.
        is_model = _is_model(source, member)
        self._model = unpacked(source, member, cache=cache) if is_model else None
        self._state = _state(self._model) if self._model else None
        self._encoding = encoding
        if self._model:
            store = read_model(self._model, encoding, cache)
        else:
            store = _read(source, member, encoding, cache)
        self._parts = parts_of(store)
        self.has_subwords = bool(self._parts)
        usual: Unknown = "subword" if self.has_subwords else "error"
        super().__init__(store, unknown=unknown or usual)
        if published and self.dim != DIM:
            raise PluxelError(
                f"{source} has {self.dim} dimensions, but those of '{name}' have {DIM}"
            )

    @classmethod
    def sniff(cls, head: bytes) -> bool:
        """Return whether a file begins like a model."""
        return head.startswith(FASTTEXT)

    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        """Return the published files; names for other languages have the same form."""
        return PUBLISHED

    @classmethod
    def offer(cls, name: str) -> Download | None:
        """Return the published file with this name, in any language, or None."""
        return offered(name)

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
        own = map(self.itos.in_own_form, words)
        found = self._parts.of([word.encode(self._encoding, errors="replace") for word in own])
        if not len(found.row):
            return np.zeros((len(words), self.dim))
        rows = found.row + int(self.store.metadata["rows"])
        return means(found.word, rows, len(words), self._matrices.inputs)

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
