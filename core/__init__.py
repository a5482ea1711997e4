"""What scripts and plugins use of the core; each name is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common.exports import exports

if TYPE_CHECKING:
    from .common.randomness import make_deterministic as make_deterministic
    from .config._load import load_config as load_config
    from .config.sections.factory import Factory as Factory
    from .contracts.kinds import Backbone as Backbone
    from .contracts.kinds import ClassFrequencies as ClassFrequencies
    from .contracts.kinds import Dataset as Dataset
    from .contracts.kinds import Decoder as Decoder
    from .contracts.kinds import Embedding as Embedding
    from .contracts.kinds import Loss as Loss
    from .contracts.kinds import Metric as Metric
    from .contracts.kinds import Sample as Sample
    from .contracts.kinds import TrackedEnd as TrackedEnd
    from .contracts.kinds import Tracker as Tracker
    from .contracts.labels import LabelMap as LabelMap
    from .contracts.labels import LabelSpace as LabelSpace
    from .contracts.normalization import Normalization as Normalization
    from .contracts.targets import check_target as check_target
    from .data.images import read_image as read_image
    from .data.images import read_index_mask as read_index_mask
    from .data.lazy import LazyMapping as LazyMapping
    from .data.splits import MissingData as MissingData
    from .embeddings import WordVectors as WordVectors
    from .embeddings import analogy as analogy
    from .embeddings import get_similar_tokens as get_similar_tokens
    from .engine.evaluation.metrics import ConfusionMatrix as ConfusionMatrix
    from .engine.inference.pipeline import Pipeline as Pipeline
    from .engine.preparation import prepare as prepare
    from .engine.run import Run as Run
    from .engine.training.experiment import Experiment as Experiment
    from .engine.training.train import Trainer as Trainer
    from .geometry.grid import FeatureSpec as FeatureSpec
    from .geometry.grid import Grid as Grid
    from .geometry.resampling import resample as resample
    from .geometry.scores import Scores as Scores
    from .geometry.tracing import measure as measure
    from .model.strips import resampled_classes as resampled_classes
    from .model.strips import resampled_loss as resampled_loss
    from .neighbors import CosineIndex as CosineIndex
    from .neighbors import knn as knn
else:  # hidden from type checkers, for which `__getattr__` would provide every name
    __getattr__, __dir__ = exports(__name__)
