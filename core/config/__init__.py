"""Configurations: YAML to validated sections and component factories, and every error's place.

Names are loaded when they are first asked for: pydantic and torch cost seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._config import Config, WordsConfig
    from ._dump import to_plain
    from ._embedding import EmbeddingConfig
    from ._emit import scalar
    from ._factory import Embeddings, Factory
    from ._files import display, shipped
    from ._labels import AlignConfig, LabelsConfig, declared_labels, declared_map
    from ._load import load_any, load_config, load_words
    from ._nodes import Location
    from ._pipeline import HeadConfig, PipelineConfig, StreamConfig
    from ._problems import ConfigError, Problem
    from ._schema import config_schema
    from ._signature import read_signature
    from ._training import (
        AdamWConfig,
        ConstantSchedule,
        CosineSchedule,
        EarlyStopConfig,
        EvaluationConfig,
        GroupConfig,
        OnBadSample,
        OptimizerConfig,
        PolySchedule,
        Precision,
        Sampling,
        ScheduleConfig,
        SGDConfig,
        TrainingConfig,
    )

_MODULES = {
    "_config": ("Config", "WordsConfig"),
    "_dump": ("to_plain",),
    "_embedding": ("EmbeddingConfig",),
    "_emit": ("scalar",),
    "_factory": ("Embeddings", "Factory"),
    "_files": ("display", "shipped"),
    "_labels": ("AlignConfig", "LabelsConfig", "declared_labels", "declared_map"),
    "_load": ("load_any", "load_config", "load_words"),
    "_nodes": ("Location",),
    "_pipeline": ("HeadConfig", "PipelineConfig", "StreamConfig"),
    "_problems": ("ConfigError", "Problem"),
    "_schema": ("config_schema",),
    "_signature": ("read_signature",),
    "_training": (
        "AdamWConfig",
        "ConstantSchedule",
        "CosineSchedule",
        "EarlyStopConfig",
        "EvaluationConfig",
        "GroupConfig",
        "OnBadSample",
        "OptimizerConfig",
        "PolySchedule",
        "Precision",
        "SGDConfig",
        "Sampling",
        "ScheduleConfig",
        "TrainingConfig",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AdamWConfig",
    "AlignConfig",
    "Config",
    "ConfigError",
    "ConstantSchedule",
    "CosineSchedule",
    "EarlyStopConfig",
    "EmbeddingConfig",
    "Embeddings",
    "EvaluationConfig",
    "Factory",
    "GroupConfig",
    "HeadConfig",
    "LabelsConfig",
    "Location",
    "OnBadSample",
    "OptimizerConfig",
    "PipelineConfig",
    "PolySchedule",
    "Precision",
    "Problem",
    "SGDConfig",
    "Sampling",
    "ScheduleConfig",
    "StreamConfig",
    "TrainingConfig",
    "WordsConfig",
    "config_schema",
    "declared_labels",
    "declared_map",
    "display",
    "load_any",
    "load_config",
    "load_words",
    "read_signature",
    "scalar",
    "shipped",
    "to_plain",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
