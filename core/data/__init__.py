"""From a dataset plugin's raw samples to batches."""

from .augmentation import Augmentation, AugmentationError, build_transforms, check_transforms
from .batch import Batch, Item, collate_evaluation, collate_training
from .frequencies import class_frequencies
from .lazy import Lazy
from .loading import Loader, evaluation_loader, training_loader
from .pairing import Pair, images_in, pair_up
from .samples import DataError, EvaluationData, TrainingData
from .splits import MissingData, SplitError, open_split

__all__ = [
    "Augmentation",
    "AugmentationError",
    "Batch",
    "DataError",
    "EvaluationData",
    "Item",
    "Lazy",
    "Loader",
    "MissingData",
    "Pair",
    "SplitError",
    "TrainingData",
    "build_transforms",
    "check_transforms",
    "class_frequencies",
    "collate_evaluation",
    "collate_training",
    "evaluation_loader",
    "images_in",
    "open_split",
    "pair_up",
    "training_loader",
]
