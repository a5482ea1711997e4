"""GloVe: releases of word vectors, and files in their format.

Pennington, Socher, Manning: "GloVe: Global Vectors for Word Representation", EMNLP 2014.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

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
from ._torchtext import is_torchtext, read_torchtext

_SITE = "https://nlp.stanford.edu/data"


class _Release(NamedTuple):
    """``dims``: available dimensions. ``place``: of an archive on the site, with ``{dim}``.

    ``size``: of the archive in bytes, 0 if unknown. ``digest``: its SHA-256, empty if unknown.
    ``member``: a file in it, with ``{dim}``; empty if it contains only one.
    """

    dims: tuple[int, ...]
    place: str
    size: int = 0
    digest: str = ""
    member: str = ""


_RELEASES = {
    "6B": _Release(
        (50, 100, 200, 300),
        "glove.6B.zip",
        862_182_613,
        "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
        "glove.6B.{dim}d.txt",
    ),
    "42B": _Release(
        (300,),
        "glove.42B.300d.zip",
        1_877_800_501,
        "03d5d7fa28e58762ace4b85fb71fe86a345ef0b5ff39f5390c14869da0fc1970",
        "glove.42B.300d.txt",
    ),
    "840B": _Release(
        (300,),
        "glove.840B.300d.zip",
        2_176_768_927,
        "c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
        "glove.840B.300d.txt",
    ),
    "twitter.27B": _Release(
        (25, 50, 100, 200),
        "glove.twitter.27B.zip",
        1_520_408_563,
        "792af52f795d1a32c9842a3240f5f3fe5e941a8ff6df5eb0f9d668092ebc019c",
        "glove.twitter.27B.{dim}d.txt",
    ),
    "2024.wikigiga": _Release((50, 100, 200, 300), "wordvecs/glove.2024.wikigiga.{dim}d.zip"),
    "2024.dolma": _Release((300,), "wordvecs/glove.2024.dolma.300d.zip"),
}
"""By name. The vectors of 2024: Carlson, Bauer, Manning, "A New Pair of GloVes", 2025."""

_ALIAS = re.compile(r"(?:glove\.)?(?P<name>.+?)(?:\.(?P<dim>\d+)d)?")
_PUBLISHED_FILE = re.compile(
    r"glove\.(?P<name>.+?)(?:\.\d+d)?(?:\.(?:txt|zip|gz|bz2|xz|pt))+", re.IGNORECASE
)
_USUAL = "6B"
_USUAL_DIM = 300


class GloVe(StoredVectors):
    """Vectors of a release, or of a file in the same format.

    ``name``: ``6B`` (the default), ``42B``, ``840B``, ``twitter.27B``, ``2024.wikigiga`` or
    ``2024.dolma``, or torchtext's name with the dimensions: ``glove.6B.50d``. ``dim``: the
    dimensions of the release, 300 by default. ``file``: a text file, plain or in a .zip, .gz, .bz2
    or .xz file, or a .pt file of torchtext, to use instead of a download; ``name`` and ``dim`` then
    state which vectors it must contain. ``encoding``: the encoding of the words. ``unknown``: what
    words without a vector give. ``cache``: the folder of downloads and converted stores; if
    torchtext keeps vectors in it, they are used. ``download``: download the release if it is
    missing.

    Raises: PluxelError for an unknown release, and for a file of another one; MissingFile if a file
    is missing; and whatever `read_text` raises.
    """

    suffixes = (".txt", ".zip", ".gz", ".bz2", ".xz", ".pt")

    def __init__(
        self,
        *,
        name: str | None = None,
        dim: int | None = None,
        file: Path | None = None,
        encoding: str = "utf-8",
        unknown: Unknown = "error",
        cache: Path | None = None,
        download: bool = False,
    ) -> None:
        base, dim = _chosen(name, dim, file)
        published = None if base is None or dim is None else _download(base, dim)
        source = source_file(file, published, cache=cache, permitted=download)
        member = published.member if published else "" if dim is None else f".{dim}d.txt"

        def build(writer: StoreWriter) -> Mapping[str, str]:
            if is_torchtext(source):
                return read_torchtext(source, writer, dim)
            try:
                with unpacked_stream(source, member) as stream:
                    return read_text(stream, writer, dim, encoding=encoding, hint=other_reader)
            except SeveralFiles as error:
                raise PluxelError(f"{error.message}, or set 'dim' to choose one") from error

        recipe = {"reader": "glove 3", "member": member, "dim": dim, "encoding": encoding}
        super().__init__(cached_store(source, recipe, build, cache=cache), unknown=unknown)
        if base and self.dim not in (dims := _RELEASES[base].dims):
            choices = ", ".join(map(str, dims))
            raise PluxelError(
                f"{source} has {self.dim} dimensions, but those of GloVe {base} have {choices}"
            )

    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        """Return the releases by their torchtext names, or names in the same style."""
        return tuple(_download(name, dim) for name, one in _RELEASES.items() for dim in one.dims)


def _chosen(name: str | None, dim: int | None, file: Path | None) -> tuple[str | None, int | None]:
    """Return the release and the dimensions that the parameters name, each None if not named.

    Raises: PluxelError with the nearest name, and if the parameters contradict each other.
    """
    if file is None:
        name = _USUAL if name is None else name
    if name is None:
        return None, dim
    base, stated = _parsed(name)
    if stated and dim not in {None, stated}:
        raise PluxelError(f"'{name}' has {stated} dimensions, not {dim}")
    chosen = stated or dim or (_USUAL_DIM if file is None else None)
    dims = _RELEASES[base].dims
    if chosen is not None and chosen not in dims:
        choices = ", ".join(map(str, dims))
        raise PluxelError(f"GloVe {base} has no vectors with dim {chosen}; available: {choices}")
    found = _PUBLISHED_FILE.fullmatch(file.name) if file else None
    if found and found["name"] in _RELEASES and found["name"] != base:
        raise PluxelError(f"{file} contains GloVe {found['name']}, but 'name' is '{name}'")
    return base, chosen


def _parsed(name: str) -> tuple[str, int | None]:
    """Return a release and the stated dimensions. Raises: PluxelError with the nearest name."""
    found = _ALIAS.fullmatch(name)
    base, stated = (found["name"], found["dim"]) if found else (name, None)
    if base in _RELEASES:
        return base, int(stated) if stated else None
    if name.startswith(("fasttext.", "wiki.", "cc.", "crawl-")):
        raise PluxelError(f"'{name}' is available from the embedding 'fasttext'")
    if name.startswith("charngram."):
        raise PluxelError(
            f"'{name}' is not available; for subword vectors, use the embedding 'fasttext'"
        )
    raise PluxelError(f"GloVe has no '{name}'.{did_you_mean(base, _RELEASES)}")


def _download(name: str, dim: int) -> Download:
    release = _RELEASES[name]
    return Download(
        alias=f"glove.{name}.{dim}d",
        url=f"{_SITE}/{release.place.format(dim=dim)}",
        size=release.size,
        hash=f"sha256:{release.digest}" if release.digest else None,
        member=release.member.format(dim=dim),
    )
