"""The configuration of word vectors and their search."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ....registry import suggest
from ...contracts.kinds import Embedding
from ...neighbors import IndexKind
from ..messages.faults import fault
from ..tree.nodes import MapNode
from .device import Device
from .factory import Factory
from .pipeline import PipelineConfig
from .section import Section


def _has_float64(device: str) -> str:
    if device.startswith("mps"):
        raise fault("cosines need float64, which mps does not support: use cpu", at="value")
    return device


_SearchDevice = Annotated[
    Device, AfterValidator(_has_float64), Field(json_schema_extra={"not": {"pattern": "^mps"}})
]


class EmbeddingConfig(Section):
    """Word vectors and their search."""

    embedding: Factory[Embedding]
    """Source of the words and their vectors."""

    index: IndexKind = "exact"
    """How to search for neighbors; the faiss indexes are approximate."""

    device: _SearchDevice = "cpu"
    """Device that searches; auto: CUDA if available. A GPU pays off for many queries."""


OWN = EmbeddingConfig.model_fields.keys() - PipelineConfig.model_fields.keys()
"""Keys that only word vectors have."""

_PIPELINE_KEYS = PipelineConfig.model_fields.keys() - EmbeddingConfig.model_fields.keys()


def is_embedding(tree: MapNode) -> bool:
    """Return whether the keys of a file, in the long form, are those of word vectors."""
    if tree.entries.keys() & _PIPELINE_KEYS:
        return False
    return any(key in OWN or suggest(key, OWN) for key in tree.entries)


def long_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the full path of an override; an unknown first key belongs to the embedding."""
    return path if path[0] in EmbeddingConfig.model_fields else ("embedding", *path)
