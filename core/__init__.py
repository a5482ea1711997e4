"""What plugins and scripts use of the core; each name is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config._load import load_config
    from .config.sections.factory import Factory
    from .contracts.kinds import (
        Backbone,
        ClassFrequencies,
        Dataset,
        Decoder,
        Embedding,
        Loss,
        Sample,
    )
    from .contracts.labels import LabelMap, LabelSpace
    from .contracts.normalization import Normalization
    from .contracts.targets import check_target
    from .data.images import read_image, read_index_mask
    from .data.lazy import LazyMapping
    from .embeddings import WordVectors, analogy, get_similar_tokens
    from .engine.inference.pipeline import Pipeline
    from .engine.run import Run
    from .engine.training.experiment import Experiment
    from .engine.training.train import Trainer
    from .geometry.grid import FeatureSpec, Grid
    from .geometry.resampling import resample
    from .geometry.scores import Scores
    from .geometry.tracing import measure
    from .neighbors import knn

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
    "LazyMapping",
    "Loss",
    "Normalization",
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
    "Backbone": ".contracts.kinds",
    "ClassFrequencies": ".contracts.kinds",
    "Dataset": ".contracts.kinds",
    "Decoder": ".contracts.kinds",
    "Embedding": ".contracts.kinds",
    "Experiment": ".engine.training.experiment",
    "Factory": ".config.sections.factory",
    "FeatureSpec": ".geometry.grid",
    "Grid": ".geometry.grid",
    "LabelMap": ".contracts.labels",
    "LabelSpace": ".contracts.labels",
    "LazyMapping": ".data.lazy",
    "Loss": ".contracts.kinds",
    "Normalization": ".contracts.normalization",
    "Pipeline": ".engine.inference.pipeline",
    "Run": ".engine.run",
    "Sample": ".contracts.kinds",
    "Scores": ".contracts.kinds",
    "Trainer": ".engine.training.train",
    "WordVectors": ".embeddings",
    "analogy": ".embeddings",
    "check_target": ".contracts.targets",
    "get_similar_tokens": ".embeddings",
    "knn": ".neighbors",
    "load_config": ".config._load",
    "measure": ".geometry.tracing",
    "read_image": ".data.images",
    "read_index_mask": ".data.images",
    "resample": ".geometry.resampling",
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
