"""What plugins and scripts use of the core; each name is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Factory, load_config
    from .contracts import Backbone, Dataset, Decoder, Embedding, Loss, Sample, Scores
    from .geometry import FeatureSpec, Grid
    from .labels import LabelMap, LabelSpace
    from .normalisation import Normalisation
    from .predict import Pipeline
    from .resampling import resample

__all__ = [
    "Backbone",
    "Dataset",
    "Decoder",
    "Embedding",
    "Factory",
    "FeatureSpec",
    "Grid",
    "LabelMap",
    "LabelSpace",
    "Loss",
    "Normalisation",
    "Pipeline",
    "Sample",
    "Scores",
    "load_config",
    "resample",
]

_HOMES = {
    "Backbone": ".contracts",
    "Dataset": ".contracts",
    "Decoder": ".contracts",
    "Embedding": ".contracts",
    "Factory": ".config",
    "FeatureSpec": ".geometry",
    "Grid": ".geometry",
    "LabelMap": ".labels",
    "LabelSpace": ".labels",
    "Loss": ".contracts",
    "Normalisation": ".normalisation",
    "Pipeline": ".predict",
    "Sample": ".contracts",
    "Scores": ".contracts",
    "load_config": ".config",
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
