"""Find files of weights in caches or download them; if neither works, say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE

from ...registry import PluxelError
from ..common.files import replacing
from ..contracts.normalization import Normalization

SECONDS = 5
"""Timeout for the first response of a server."""

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""The names of timm's weights files on the hub, in order of preference."""

_HASH = re.compile(r"-([0-9a-f]{8,64})\.")
"""The first digits of a file's SHA-256 in its name, a convention of torch and timm."""


def hub_file(repository: str, names: Sequence[str], usual: Normalization) -> Path:
    """Return the first of these files that is cached, or that the Hugging Face repository has.

    Raises: PluxelError within seconds if no file is cached or available, and if the download fails.
    """
    repository, _, revision = repository.partition("@")
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        url = hf_hub_url(repository, name, revision=revision or None)
        # Ask first: the hub's own client would retry for most of a minute.
        what = f"{name} of {repository}"
        if _headers(url, what, usual, offline=HF_HUB_OFFLINE) is not None:
            with _fetching(url, what, usual):
                return Path(hf_hub_download(repository, name, revision=revision or None))
    raise PluxelError(f"the repository {repository!r} has none of the files {', '.join(names)}")


def url_file(url: str, usual: Normalization) -> Path:
    """Return the file at a URL from torch's cache; download it first if it is not cached.

    Raises: PluxelError within seconds if it is neither cached nor available, and if the download
    fails or does not match the hash in the file's name.
    """
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if not path.is_file():
        headers = _headers(url, name, usual)
        if headers is None:
            raise PluxelError(f"the server has no {url}")
        with replacing(path) as unfinished, _fetching(url, name, usual):
            promised = _HASH.search(name)
            torch.hub.download_url_to_file(url, str(unfinished), promised and promised[1])
            _check_length(unfinished, headers)
    return path


def _check_length(file: Path, headers: Mapping[str, str]) -> None:
    """Raise OSError for an incomplete file, which torch accepts if its name has no hash."""
    received, expected = file.stat().st_size, int(headers.get("Content-Length") or 0)
    if expected and received != expected:
        raise OSError(f"got {received} of {expected} bytes")


@contextmanager
def _fetching(url: str, what: str, usual: Normalization) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # network clients have no common exception type
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PluxelError(
            f"the download of the pretrained weights {what} failed ({reason})",
            _remedies(url, usual),
        ) from error


def _headers(
    url: str, what: str, usual: Normalization, *, offline: bool = False
) -> Mapping[str, str] | None:
    """Return the response headers for a URL, or None if the server does not have the file."""
    try:
        if offline:
            raise OSError("HF_HUB_OFFLINE is set")
        with urlopen(Request(url, method="HEAD"), timeout=SECONDS) as reply:
            return dict(reply.headers)
    except HTTPError as error:
        return None if error.code in (401, 403, 404) else {}
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise PluxelError(
            f"the pretrained weights {what} are not in the cache, and the network cannot be "
            f"reached ({reason})",
            _remedies(url, usual),
        ) from error


def _remedies(url: str, usual: Normalization) -> list[str]:
    return [
        f"download {url} on another machine, and set  pretrained: PATH/{url.rsplit('/', 1)[-1]}",
        f"and next to it  {usual.to_yaml()}",
        "or start from random weights:  pretrained: false",
    ]
