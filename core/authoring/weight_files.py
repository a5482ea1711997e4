"""Find files of weights in caches or download them; if neither works, say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.constants import HF_HUB_OFFLINE
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

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
    """Return the first of ``names`` that is cached, or that the Hugging Face repository has.

    ``repository``: ``owner/name`` or ``owner/name@revision``. ``usual``: the
    normalization that the advice of errors shows.

    Raises: PluxelError within seconds if no file is cached or available, and if the download fails.
    """
    repository, _, revision = repository.partition("@")
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    at = f"{repository}@{revision}" if revision else repository
    for name in names:
        url = hf_hub_url(repository, name, revision=revision or None)
        # Ask first: the download would try again for most of a minute.
        what = f"{name} of {repository}"
        if _is_on_hub(url, what, at, usual):
            with _fetching(url, what, usual):
                return Path(hf_hub_download(repository, name, revision=revision or None))
    raise PluxelError(f"the repository {repository!r} has none of the files {', '.join(names)}")


def url_file(url: str, usual: Normalization) -> Path:
    """Return the file at ``url`` from torch's cache; download it first if it is not cached.

    ``usual``: the normalization that the advice of errors shows.

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


def _is_on_hub(url: str, what: str, repository: str, usual: Normalization) -> bool:
    """Return whether a Hugging Face repository has a file; the hub's client sends the user's token.

    Raises: PluxelError if the repository does not exist, or needs a token or permission, and if the
    network cannot be reached.
    """
    try:
        if HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        get_hf_file_metadata(url, timeout=SECONDS)
    except EntryNotFoundError:
        return False
    except HfHubHTTPError as error:
        code = error.response.status_code
        if code == 404 and not isinstance(error, RepositoryNotFoundError | RevisionNotFoundError):
            return False
        if code not in (401, 403, 404):
            return True  # the download says more
        state = "does not exist" if code == 404 else "does not exist, or you have no access to it"
        raise PluxelError(
            f"the repository {repository!r} {state} ({code})",
            [
                "for a gated or private repository, accept its terms on its page, and set HF_TOKEN "
                "or run  hf auth login",
                *_remedies(url, usual),
            ],
        ) from error
    except Exception as error:  # network clients have no common exception type
        raise _unreachable(url, what, usual, error) from error
    return True


def _headers(url: str, what: str, usual: Normalization) -> Mapping[str, str] | None:
    """Return the response headers for a URL, or None if the server does not have the file.

    Raises: PluxelError if the server denies access, and if the network cannot be reached.
    """
    try:
        with urlopen(Request(url, method="HEAD"), timeout=SECONDS) as reply:
            return dict(reply.headers)
    except HTTPError as error:
        if error.code in (401, 403):
            denied = f"the server denies access to {url} ({error.code} {error.reason})"
            raise PluxelError(denied, _remedies(url, usual)) from error
        return None if error.code == 404 else {}
    except OSError as error:
        raise _unreachable(url, what, usual, error) from error


def _unreachable(url: str, what: str, usual: Normalization, error: Exception) -> PluxelError:
    return PluxelError(
        f"the pretrained weights {what} are not in the cache, and the network cannot be "
        f"reached ({getattr(error, 'reason', error)})",
        _remedies(url, usual),
    )


def _remedies(url: str, usual: Normalization) -> list[str]:
    return [
        f"download {url} on another machine, and set  pretrained: PATH/{url.rsplit('/', 1)[-1]}",
        f"and next to it  {usual.to_yaml()}",
        "or start from random weights:  pretrained: false",
    ]
