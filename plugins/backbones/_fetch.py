"""Files of weights from caches and the network; without both, within seconds what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE

from ...core.normalisation import Normalisation
from ...registry import PluxelError
from ._base import yaml_of

SECONDS = 5
"""How long a server may take to say that it is there."""

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""The names that timm gives to files of weights on the hub, the better first."""


def hub_file(repository: str, names: Sequence[str], usual: Normalisation) -> Path:
    """Return the first of these files that a repository on the Hugging Face hub has, cached or not.

    Raises: PluxelError within seconds if none is cached or to be had.
    """
    repository, _, revision = repository.partition("@")
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        url = hf_hub_url(repository, name, revision=revision or None)
        # The hub's own client would try for most of a minute.
        if _is_there(url, f"{name} of {repository}", usual, offline=HF_HUB_OFFLINE):
            return Path(hf_hub_download(repository, name, revision=revision or None))
    raise PluxelError(f"the repository {repository!r} offers none of the files {', '.join(names)}")


def url_file(url: str, usual: Normalisation) -> Path:
    """Return the file of an address from torch's cache, downloaded if it is not there.

    Raises: PluxelError within seconds if it is neither cached nor to be had.
    """
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if not path.is_file():
        if not _is_there(url, name, usual):
            raise PluxelError(f"the server has no {url}")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    return path


def _is_there(url: str, what: str, usual: Normalisation, *, offline: bool = False) -> bool:
    try:
        if offline:
            raise OSError("HF_HUB_OFFLINE is set")
        with urlopen(Request(url, method="HEAD"), timeout=SECONDS):
            return True
    except HTTPError as error:
        return error.code not in (401, 403, 404)
    except OSError as error:
        reason = getattr(error, "reason", error)
        name = url.rsplit("/", 1)[-1]
        raise PluxelError(
            f"the pretrained weights, {what}, are not in the cache, and the network cannot be "
            f"reached ({reason})",
            [
                f"fetch {url} where there is one, and write  pretrained: PATH/{name}",
                f"and beside it  {yaml_of(usual)}",
                "or start from random weights:  pretrained: false",
            ],
        ) from error
