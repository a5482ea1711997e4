"""The hooks of a plugin: one per kind, without arguments, returning a list of records.

A plugin implements the hooks of the kinds that it offers. ``KINDS`` maps each kind to its hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from ._component import Component

PROJECT = "pluxel"
hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "backbone": "pluxel_backbones",
        "decoder": "pluxel_decoders",
        "loss": "pluxel_losses",
        "dataset": "pluxel_datasets",
        "embedding": "pluxel_embeddings",
    }
)


@hookspec
def pluxel_backbones() -> list[Component]:
    """Return the networks that turn an image into feature maps on known grids."""
    return []


@hookspec
def pluxel_decoders() -> list[Component]:
    """Return the networks that turn feature maps into class scores on a known grid."""
    return []


@hookspec
def pluxel_losses() -> list[Component]:
    """Return the functions of logits and labels that training minimizes."""
    return []


@hookspec
def pluxel_datasets() -> list[Component]:
    """Return the readers of raw images and raw label ids."""
    return []


@hookspec
def pluxel_embeddings() -> list[Component]:
    """Return the tables of word vectors."""
    return []
