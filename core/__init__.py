"""What plugins and scripts use of the core; each name is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Factory, load_config
    from .contracts import (
        Backbone,
        ClassFrequencies,
        Dataset,
        Decoder,
        Embedding,
        Loss,
        Sample,
        Scores,
    )
    from .data import Lazy
    from .embeddings import WordVectors, analogy, get_similar_tokens
    from .engine import Experiment, Run, Trainer
    from .geometry import FeatureSpec, Grid
    from .images import read_image, read_index_mask
    from .labels import LabelMap, LabelSpace
    from .neighbours import knn
    from .normalisation import Normalisation
    from .predict import Pipeline
    from .resampling import resample
    from .targets import check_target
    from .tracing import measure

__all__ = [
    "Backbone",
    "ClassFrequencies",
    "Dataset",
    "Decoder",
    "Embedding",
    "Experiment",
    "Factory",
    "FeatureSpec",
    "Grid",
    "LabelMap",
    "LabelSpace",
    "Lazy",
    "Loss",
    "Normalisation",
    "Pipeline",
    "Run",
    "Sample",
    "Scores",
    "Trainer",
    "WordVectors",
    "analogy",
    "check_target",
    "get_similar_tokens",
    "knn",
    "load_config",
    "measure",
    "read_image",
    "read_index_mask",
    "resample",
]

_HOMES = {
    "Backbone": ".contracts",
    "ClassFrequencies": ".contracts",
    "Dataset": ".contracts",
    "Decoder": ".contracts",
    "Embedding": ".contracts",
    "Experiment": ".engine",
    "Factory": ".config",
    "FeatureSpec": ".geometry",
    "Grid": ".geometry",
    "LabelMap": ".labels",
    "LabelSpace": ".labels",
    "Lazy": ".data",
    "Loss": ".contracts",
    "Normalisation": ".normalisation",
    "Pipeline": ".predict",
    "Run": ".engine",
    "Sample": ".contracts",
    "Scores": ".contracts",
    "Trainer": ".engine",
    "WordVectors": ".embeddings",
    "analogy": ".embeddings",
    "check_target": ".targets",
    "get_similar_tokens": ".embeddings",
    "knn": ".neighbours",
    "load_config": ".config",
    "measure": ".tracing",
    "read_image": ".images",
    "read_index_mask": ".images",
    "resample": ".resampling",
}


if not TYPE_CHECKING:  # a checker would believe that every name exists

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
