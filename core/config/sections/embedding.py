"""Word vectors and how they are searched: the other kind of configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

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
        raise fault("cosines are compared in float64, which mps has not: use cpu", at="value")
    return device


class EmbeddingConfig(Section):
    """Word vectors, and how they are searched."""

    embedding: Factory[Embedding]
    """Where the words and their vectors come from."""

    index: IndexKind = "exact"
    """How neighbors are found; those of faiss are approximate."""

    device: Annotated[Device, AfterValidator(_has_float64)] = "cpu"
    """Where neighbors are looked for; auto: a CUDA device if there is one. It pays for many."""


OWN = EmbeddingConfig.model_fields.keys() - PipelineConfig.model_fields.keys()
"""The keys that no pipeline has."""

_ITS = PipelineConfig.model_fields.keys() - EmbeddingConfig.model_fields.keys()


def is_embedding(tree: MapNode) -> bool:
    """Tell by its keys whether a file, in the long form, means an embedding or a pipeline."""
    if tree.entries.keys() & _ITS:
        return False
    return any(key in OWN or suggest(key, OWN) for key in tree.entries)


def long_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path on the command line in full: what is no key here is one of the embedding's."""
    return path if path[0] in EmbeddingConfig.model_fields else ("embedding", *path)
