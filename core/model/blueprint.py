"""What a model must know of its data, resolved from a configuration and a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...registry import PluxelError, did_you_mean
from ..config._config import Config
from ..config.sections.labels import LabelsConfig
from ..config.sections.pipeline import HeadConfig, StreamConfig
from ..contracts.kinds import Dataset
from ..contracts.labels import IGNORE, LabelError, LabelMap, LabelSpace, raw_id
from ..contracts.offers import resolved_parameters
from .network import SegmentationModel


@dataclass(frozen=True)
class Blueprint:
    """What a model must know of its data: kept in the run, so that it can be rebuilt without them.

    ``channels``: channels of each input. ``labels``: by head, the meaning of raw label ids.
    ``targets``: by head, the dataset's label map that it is trained on.
    """

    channels: Mapping[str, int]
    labels: Mapping[str, LabelMap]
    targets: Mapping[str, str]

    def label_spaces(self) -> dict[str, LabelSpace]:
        """Return the label space of each head."""
        return {head: LabelSpace(labels) for head, labels in self.labels.items()}

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the metadata of a weights file."""
        labels = {head: label_map.to_json() for head, label_map in self.labels.items()}
        return {"channels": dict(self.channels), "labels": labels, "targets": dict(self.targets)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Blueprint:
        """Undo ``to_json``."""
        labels = {head: LabelMap.from_json(one) for head, one in content["labels"].items()}
        return cls(content["channels"], labels, content["targets"])


def resolve_labels(config: Config, dataset: Dataset) -> Config:
    """Return the configuration with what it leaves to be found out: which classes mean the same.

    What a run keeps, so that it is used, and repeated, without the words.

    Raises: ConfigError where classes cannot be aligned.
    """
    pipeline = config.pipeline
    heads = dict(pipeline.heads)
    for name, head in heads.items():
        with config.at("heads", name, "labels", "align"):
            if head.labels.align is not None:
                # It imports word vectors, which few configurations need.
                from .alignment import resolved_labels  # noqa: PLC0415

                labels = resolved_labels(dataset.labels[_target(name, head, dataset)], head.labels)
                heads[name] = head.model_copy(update={"labels": labels})
    found = {"heads": heads, "dataset": pipeline.dataset.given(resolved_parameters(dataset))}
    return replace(config, pipeline=pipeline.model_copy(update=found))


def resolve_decoders(config: Config, model: SegmentationModel) -> Config:
    """Return the configuration with what the decoders of a model had to find out."""
    heads = dict(config.pipeline.heads)
    for name, head in heads.items():
        found = head.decoder.given(resolved_parameters(model.heads[name]))
        heads[name] = head.model_copy(update={"decoder": found})
    return replace(config, pipeline=config.pipeline.model_copy(update={"heads": heads}))


def make_blueprint(config: Config, dataset: Dataset) -> Blueprint:
    """Return which labels and inputs a configuration, its labels resolved, takes from a dataset.

    Raises: ConfigError where a head or a stream asks for what the dataset does not have.
    """
    labels, targets = {}, {}
    for name, head in config.pipeline.heads.items():
        with config.at("heads", name):
            targets[name] = _target(name, head, dataset)
        with config.at("heads", name, "labels"):
            labels[name] = merge_labels(dataset.labels[targets[name]], head.labels)
        labels[name] = _with_added(config, name, labels[name])
    for name, stream in config.pipeline.streams.items():
        with config.at("streams", name, "input"):
            for wanted in inputs_of(stream):
                _require(wanted in dataset.channels, "input", wanted, dataset.channels)
    return Blueprint(dict(dataset.channels), labels, targets)


def with_added(config: Config, blueprint: Blueprint) -> Blueprint:
    """Return a blueprint with the classes that the configuration adds to those it was drawn with.

    Raises: ConfigError for a raw id that has a meaning already.
    """
    labels = {head: _with_added(config, head, one) for head, one in blueprint.labels.items()}
    return replace(blueprint, labels=labels)


def _with_added(config: Config, head: str, labels: LabelMap) -> LabelMap:
    section = config.pipeline.heads[head].zero_shot
    added = {raw_id(key): name for key, name in section.added.items()} if section else {}
    with config.at("heads", head, "zero_shot", "added"):
        for raw, name in added.items():
            if labels.ids.get(raw, name) != name:
                raise PluxelError(f"the raw id {raw} is '{labels.ids[raw]}' already")
    return replace(labels, ids={**labels.ids, **added})


def _target(name: str, head: HeadConfig, dataset: Dataset) -> str:
    if head.target is None and len(dataset.labels) == 1:
        return next(iter(dataset.labels))
    wanted = head.target or name
    _require(wanted in dataset.labels, "label map", wanted, dataset.labels)
    return wanted


def _require(there: bool, what: str, wanted: str, offered: Mapping[str, object]) -> None:
    if not there:
        raise PluxelError(f"the dataset has no {what} {wanted!r}; it has {', '.join(offered)}")


def inputs_of(stream: StreamConfig) -> list[str]:
    """Return the names of the inputs that a stream stacks."""
    return [stream.input] if isinstance(stream.input, str) else stream.input


def merge_labels(label_map: LabelMap, config: LabelsConfig) -> LabelMap:
    """Return the dataset's map with the changes of the configuration.

    Raises: LabelError for a color key where ids are numbers, for an entry of ``palette`` or
    ``new_classes`` that is not a class, and for a new class whose name is nearly that of another
    one and not in ``new_classes``.
    """
    ids = dict(label_map.ids)
    for key, name in config.map.items():
        ids[label_map.id_of(key)] = name
    _check_new_names(ids, {*label_map.ids.values()}, config)
    names = sorted({*ids.values(), IGNORE})
    for section, given in (("palette", config.palette), ("new_classes", config.new_classes)):
        for name in given:
            if name not in names:
                hint = did_you_mean(name, names)
                raise LabelError(f"{section} has an unknown class '{name}'.{hint}")
    return LabelMap(ids, {**label_map.palette, **config.palette}, label_map.packed_rgb)


def _check_new_names(ids: Mapping[int, str], known: set[str], config: LabelsConfig) -> None:
    """Refuse 'raod' beside 'road'; a class that is renamed altogether has no such neighbor."""
    others = {*(name for name in ids.values() if name in known), IGNORE}
    for name in config.map.values():
        if name in others or name in config.new_classes:
            continue
        if hint := did_you_mean(name, sorted(others)):
            raise LabelError(
                f"the label map has an unknown class '{name}'.{hint} "
                "(If the name is correct, list it in labels.new_classes.)"
            )
