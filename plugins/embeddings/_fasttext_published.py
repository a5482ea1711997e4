"""The files that fastText publishes, and their names."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.authoring import Download
from ...registry import PluxelError, did_you_mean

_SITE = "https://dl.fbaipublicfiles.com/fasttext"
PUBLISHED = (
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
DIM = 300
"""Dimensions of all published vectors."""

_SUFFIXES = re.compile(r"(\.(vec|bin|ftz|zip|gz|bz2|xz|pt))+$", re.IGNORECASE)


def offered(name: str) -> Download | None:
    """Return the published file with this name, in any language, or None."""
    for one in PUBLISHED:
        if one.alias == name:
            return one
    for pattern, place in _OF_LANGUAGES.items():
        if found := pattern.fullmatch(name):
            return Download(name, f"{_SITE}/{place.format(found[1])}")
    return None


def published_file(name: str) -> Download:
    """Look up a published file. Raises: PluxelError with the nearest name."""
    if found := offered(name):
        return found
    if name.startswith("glove."):
        raise PluxelError(f"'{name}' is available from the embedding 'glove'")
    names = [one.alias for one in PUBLISHED]
    raise PluxelError(f"fastText has no '{name}'.{did_you_mean(name, [*names, 'wiki.en'])}")


def check_name(file: Path, published: Download) -> None:
    """Raise PluxelError if the name of a file is that of other published vectors."""
    stem = _SUFFIXES.sub("", file.name)
    found = offered(stem)
    if found and found.url != published.url:
        raise PluxelError(f"{file} contains '{stem}', but 'name' is '{published.alias}'")
