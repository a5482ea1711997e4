"""Configurations: YAML to validated sections and component factories, and every error's place.

Names are loaded when they are first asked for: pydantic and torch cost seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..contracts.signature import read_signature
    from ._config import Config, WordsConfig
    from ._dump import to_plain
    from ._load import load_any, load_config, load_words
    from ._schema import config_schema
    from .sections.embedding import EmbeddingConfig
    from .sections.factory import Embeddings, Factory
    from .sections.labels import AlignConfig, LabelsConfig, declared_labels, declared_map
    from .sections.pipeline import HeadConfig, PipelineConfig, StreamConfig
    from .sections.training import (
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
    from .tree.emit import scalar
    from .tree.files import display, shipped
    from .tree.nodes import Location
    from .tree.problems import ConfigError, Problem

_MODULES = {
    "_config": ("Config", "WordsConfig"),
    "_dump": ("to_plain",),
    "sections.embedding": ("EmbeddingConfig",),
    "tree.emit": ("scalar",),
    "sections.factory": ("Embeddings", "Factory"),
    "tree.files": ("display", "shipped"),
    "sections.labels": ("AlignConfig", "LabelsConfig", "declared_labels", "declared_map"),
    "_load": ("load_any", "load_config", "load_words"),
    "tree.nodes": ("Location",),
    "sections.pipeline": ("HeadConfig", "PipelineConfig", "StreamConfig"),
    "tree.problems": ("ConfigError", "Problem"),
    "_schema": ("config_schema",),
    ".contracts.signature": ("read_signature",),
    "sections.training": (
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
