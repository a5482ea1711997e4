"""GloVe: releases of word vectors, and files in their format.

Pennington, Socher, Manning: "GloVe: Global Vectors for Word Representation", EMNLP 2014.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ...core.authoring import (
    Download,
    SeveralFiles,
    StoredVectors,
    StoreWriter,
    Unknown,
    cached_store,
    read_text,
    source_file,
    unpacked_stream,
)
from ...registry import PluxelError, did_you_mean
from ._formats import other_reader

_SITE = "https://nlp.stanford.edu/data"
_ARCHIVES = {
    "6B": (
        862_182_613,
        "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
        (50, 100, 200, 300),
    ),
    "42B": (
        1_877_800_501,
        "03d5d7fa28e58762ace4b85fb71fe86a345ef0b5ff39f5390c14869da0fc1970",
        (300,),
    ),
    "840B": (
        2_176_768_927,
        "c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
        (300,),
    ),
    "twitter.27B": (
        1_520_408_563,
        "792af52f795d1a32c9842a3240f5f3fe5e941a8ff6df5eb0f9d668092ebc019c",
        (25, 50, 100, 200),
    ),
}
"""By name: the size of the archive in bytes, its SHA-256, and the dimensions in it."""

_ALIAS = re.compile(r"(?:glove\.)?(?P<name>.+?)(?:\.(?P<dim>\d+)d)?")
_USUAL_DIM = 300


class GloVe(StoredVectors):
    """Vectors of a release, or of a file in the same format.

    ``name``: ``6B``, ``42B``, ``840B`` or ``twitter.27B``, or torchtext's name with the dimensions:
    ``glove.6B.50d``. ``dim``: the dimensions of the release, 300 by default; with ``file``, the
    dimensions that the file must have. ``file``: a text file, or a .zip or .gz that contains one,
    to use instead of a release. ``unknown``: what words without a vector give. ``cache``: the
    folder of downloads and converted stores. ``download``: download the release if it is missing.

    Raises: PluxelError for an unknown release, MissingFile if a file is missing, and whatever
    `read_text` raises.
    """

    suffixes = (".txt", ".zip", ".gz")

    def __init__(
        self,
        *,
        name: str = "6B",
        dim: int | None = None,
        file: Path | None = None,
        unknown: Unknown = "error",
        cache: Path | None = None,
        download: bool = False,
    ) -> None:
        release, dim = (None, dim) if file else _release(name, dim)
        source = source_file(file, release, cache=cache, permitted=download)
        member = release.member if release else ("" if dim is None else f".{dim}d.txt")

        def build(writer: StoreWriter) -> Mapping[str, str]:
            try:
                with unpacked_stream(source, member) as stream:
                    return read_text(stream, writer, dim, hint=other_reader)
            except SeveralFiles as error:
                raise PluxelError(f"{error.message}; set 'dim' to choose one") from error

        recipe = {"reader": "glove", "member": member, "dim": dim}
        super().__init__(cached_store(source, recipe, build, cache=cache), unknown=unknown)

    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        """Return the releases by their torchtext names."""
        return tuple(_download(name, dim) for name, (*_, dims) in _ARCHIVES.items() for dim in dims)


def _release(name: str, dim: int | None) -> tuple[Download, int]:
    """Return a release and its dimensions. Raises: PluxelError with the nearest name."""
    found = _ALIAS.fullmatch(name)
    base, stated = (found["name"], found["dim"]) if found else (name, None)
    if base not in _ARCHIVES:
        if name.startswith("fasttext."):
            raise PluxelError(f"'{name}' is available from the embedding 'fasttext'")
        if name.startswith("charngram."):
            raise PluxelError(
                f"'{name}' is not available; for subword vectors, use the embedding 'fasttext'"
            )
        raise PluxelError(f"GloVe has no '{name}'.{did_you_mean(base, _ARCHIVES)}")
    if stated and dim not in {None, int(stated)}:
        raise PluxelError(f"'{name}' has {stated} dimensions, not {dim}")
    chosen = int(stated) if stated else _USUAL_DIM if dim is None else dim
    dims = _ARCHIVES[base][-1]
    if chosen not in dims:
        choices = ", ".join(map(str, dims))
        raise PluxelError(f"GloVe {base} has no vectors with dim {chosen}; available: {choices}")
    return _download(base, chosen), chosen


def _download(name: str, dim: int) -> Download:
    size, digest, dims = _ARCHIVES[name]
    only = f".{dim}d" if len(dims) == 1 else ""
    return Download(
        alias=f"glove.{name}.{dim}d",
        url=f"{_SITE}/glove.{name}{only}.zip",
        size=size,
        hash=f"sha256:{digest}",
        member=f"glove.{name}.{dim}d.txt",
    )
