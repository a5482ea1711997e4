"""Where pretrained weights come from: a cache, the network, or a file that the user names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE
from torch import nn

from ...core.normalisation import Normalisation
from ...core.weights import (
    InputChannels,
    LoadReport,
    State,
    adapt_first_layer,
    copy_matching,
    read_normalisation,
    read_state_dict,
)
from ...registry import PluxelError

SECONDS = 5
"""How long a server may take to answer that it is there."""


def load_file(
    module: nn.Module,
    path: Path,
    in_channels: int,
    method: InputChannels,
    rename: Callable[[State], State],
) -> LoadReport:
    """Copy a file of weights into a module, its first layer adapted to the channels.

    ``rename`` brings the file's names and shapes to the module's.

    Raises: PluxelError if the file cannot be read or nothing in it fits.
    """
    state = rename(read_state_dict(path))
    report = load_state(module, state, in_channels, method)
    if not report.loaded:
        theirs, ours = (", ".join(list(names)[:3]) for names in (state, module.state_dict()))
        raise PluxelError(f"{path}: no weight in it fits: it has {theirs}, …; wanted: {ours}, …")
    return report


def load_state(
    module: nn.Module, state: State, in_channels: int, method: InputChannels
) -> LoadReport:
    """Copy weights into a module, its first layer adapted to the channels."""
    return copy_matching(module, adapt_first_layer(state, module, in_channels, method))


def file_normalisation(path: Path, given: Normalisation | None, usual: Normalisation) -> Normalisation:
    """Return how a file's weights expect images: as the user says, or else as its metadata say.

    Raises: PluxelError if neither says anything, with ``usual`` as what to write.
    """
    found = given or read_normalisation(path)
    if found is None:
        raise PluxelError(
            f"{path} does not say how images are to be normalised for its weights; "
            "state it beside 'pretrained:'",
            [f"the usual one of this network is  {yaml_of(usual)}"],
        )
    return found


def yaml_of(normalisation: Normalisation) -> str:
    """Return the line of YAML that states a normalisation."""
    values = normalisation.model_dump()
    inside = ", ".join(
        f"{key}: [{', '.join(f'{v:g}' for v in value)}]" if isinstance(value, tuple) else f"{key}: {value}"
        for key, value in values.items()
    )
    return f"normalisation: {{{inside}}}"


def hub_file(repository: str, names: Sequence[str], usual: Normalisation) -> Path:
    """Return the first of the files that a repository of the Hugging Face hub has; cached ones first.

    Raises: PluxelError within seconds if it is neither cached nor to be had.
    """
    repository, _, revision = repository.partition("@")
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        url = hf_hub_url(repository, name, revision=revision or None)
        if _answers(url, repository, name, usual):
            return Path(hf_hub_download(repository, name, revision=revision or None))
    raise PluxelError(f"the repository {repository!r} has none of the files {', '.join(names)}")


def url_file(url: str, usual: Normalisation) -> Path:
    """Return the file of an address from torch's cache, downloaded if it is not there.

    Raises: PluxelError within seconds if it is neither cached nor to be had.
    """
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if not path.is_file():
        if not _answers(url, url.rsplit("/", 1)[0], name, usual):
            raise PluxelError(f"{url}: the server does not have this file")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    return path


def _answers(url: str, place: str, name: str, usual: Normalisation) -> bool:
    """Tell whether a server has the file. The hub's own client would retry for most of a minute."""
    try:
        if HF_HUB_OFFLINE:
            raise URLError("HF_HUB_OFFLINE is set")
        with urlopen(Request(url, method="HEAD"), timeout=SECONDS):
            return True
    except HTTPError as error:
        return error.code not in (401, 403, 404)
    except OSError as error:
        raise PluxelError(
            f"pretrained weights: {name} of {place} is not in the cache, and the network is not "
            f"reachable ({getattr(error, 'reason', error)})",
            [
                f"fetch {url} elsewhere, copy it here, and write  pretrained: PATH/{name}",
                f"with it  {yaml_of(usual)}",
                "or start from random weights:  pretrained: false",
            ],
        ) from error
