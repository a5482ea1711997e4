"""Open the data and build the model of a configuration, once for all later steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from ..common.randomness import seeded
from ..config._config import Config
from ..config._load import check_record
from ..config.sections.labels import declared_labels
from ..config.sections.pipeline import PipelineConfig
from ..config.tree.problems import ConfigError
from ..contracts.kinds import Dataset
from ..data.splits import MissingData, open_split
from ..model.blueprint import Blueprint, make_blueprint, resolve_decoders, resolve_labels
from ..model.build import build_without_memory
from ..model.network import SegmentationModel
from ..model.stand_in import stand_in


@dataclass(frozen=True)
class PreparedData:
    """A configuration and its opened datasets.

    ``config``: with labels and dataset-dependent values resolved. ``datasets``: by split.
    ``missing``: the error of each split whose files are not on this machine. ``blueprint``: a
    stand-in if no split is available.
    """

    config: Config
    datasets: Mapping[str, Dataset]
    missing: Mapping[str, ConfigError]
    blueprint: Blueprint

    @property
    def input_names(self) -> set[str]:
        """The inputs that the streams of the model read."""
        streams = self.config.pipeline.streams
        return {name for one in streams.values() for name in one.inputs}

    @property
    def assumption(self) -> str:
        """What the blueprint assumes if no split is available; empty if one is."""
        if self.datasets:
            return ""
        dataset = self.config.pipeline.dataset
        declared = declared_labels(dataset.target, dataset.params)
        classes = f"as {dataset} declares" if declared else "two per head, as a placeholder"
        return f"the data are missing: classes and channels are {classes}"

    def dataset(self, role: str) -> Dataset:
        """Return the dataset of the split with a role, such as ``train`` or ``val``.

        Raises: ConfigError at ``dataset`` if its files are missing.
        """
        split = self.config.pipeline.splits[role]
        if split in self.missing:
            raise self.missing[split]
        return self.datasets[split]


@dataclass(frozen=True)
class Prepared(PreparedData):
    """A prepared configuration: decoders resolved too, ``model`` without memory for weights.

    If training has phases, this is the last one; ``earlier``: those before it, on the same data.
    """

    model: SegmentationModel
    earlier: tuple[Prepared, ...] = ()

    @property
    def phases(self) -> tuple[Prepared, ...]:
        """All phases of the training, each with a configuration and a model of its own."""
        if not self.earlier:
            return (self,)
        return (*self.earlier, replace(self, config=self.config.phases[-1], earlier=()))


def prepare(config: Config) -> Prepared:
    """Open the data of a configuration, and build its model without memory for weights.

    Missing data raise no error here, but in ``PreparedData.dataset``.

    Raises: ConfigError for other mistakes in data or labels, if two parts do not fit together, or
    for a value that a run would not keep.
    """
    data = prepare_data(config)
    *earlier, last = (_prepare_phase(data, each) for each in data.config.phases)
    whole = replace(last.config, earlier=tuple(each.config for each in earlier))
    with whole.at():
        check_record(whole)
    return replace(last, config=whole, earlier=tuple(earlier))


def _prepare_phase(data: PreparedData, config: Config) -> Prepared:
    with seeded(config.pipeline.seed):
        model = build_without_memory(config, data.blueprint)
    resolved = resolve_decoders(config, model)
    return Prepared(resolved, data.datasets, data.missing, data.blueprint, model)


def prepare_data(config: Config) -> PreparedData:
    """Open each split once, and resolve labels with the training split if it is available.

    Raises: ConfigError for any mistake except missing files.
    """
    datasets, missing = {}, {}
    splits = config.pipeline.splits
    for split in dict.fromkeys(splits.values()):
        try:
            datasets[split] = _open(config, split)
        except ConfigError as error:
            if not isinstance(error.__cause__, MissingData):
                raise
            missing[split] = error
    dataset = datasets.get(splits.get("train", ""), next(iter(datasets.values()), None))
    if dataset is None:
        return PreparedData(config, datasets, missing, stand_in(config))
    config = resolve_labels(config, dataset)
    return PreparedData(config, datasets, missing, make_blueprint(config, dataset))


def open_role(config: Config, role: str) -> Dataset:
    """Return the dataset of a role, such as ``val``, or of a split expression.

    Names within the expression mean roles first, as in ``val[:100]``, and else splits of the
    dataset.

    Raises: ConfigError at ``dataset`` if there is no such split.
    """
    splits = config.pipeline.splits
    if role in splits:
        return _open(config, splits[role])
    with config.at("dataset"):
        return open_split(partial(_open_name, config.pipeline), role)


def _open_name(pipeline: PipelineConfig, *, split: str) -> Dataset:
    if split in pipeline.splits:
        return open_split(pipeline.dataset, pipeline.splits[split])
    return pipeline.dataset(split=split)


def _open(config: Config, expression: str) -> Dataset:
    """Return the dataset of an expression in ``splits``, whose names are those of the dataset."""
    with config.at("dataset"):
        return open_split(config.pipeline.dataset, expression)
