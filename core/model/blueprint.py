"""What a model must know about its data, resolved from a configuration and a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...registry import PluxelError, did_you_mean
from ..config._config import Config
from ..config.sections.labels import LabelsConfig
from ..config.sections.network import HeadConfig
from ..config.sections.pipeline import PipelineConfig
from ..contracts.inputs import InputSpec, default_spec
from ..contracts.kinds import Dataset
from ..contracts.labels import IGNORE, LabelError, LabelMap, LabelSpace, raw_id
from ..contracts.offers import input_specs, resolved_parameters
from .network import SegmentationModel


@dataclass(frozen=True)
class Blueprint:
    """What a model must know about its data. A run keeps it to rebuild the model without the data.

    ``channels``: input name -> number of channels. ``labels``: head -> meaning of raw label ids.
    ``targets``: head -> name of the dataset's label map that the head is trained on.
    ``inputs``: input name -> what its values mean and how files store them.
    """

    channels: Mapping[str, int]
    labels: Mapping[str, LabelMap]
    targets: Mapping[str, str]
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)

    def spec(self, name: str) -> InputSpec:
        """Return what an input is."""
        return self.inputs.get(name) or default_spec(name, self.channels)

    def label_spaces(self) -> dict[str, LabelSpace]:
        """Return the label space of each head."""
        return {head: LabelSpace(labels) for head, labels in self.labels.items()}

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values for the metadata of a weights file."""
        labels = {head: label_map.to_json() for head, label_map in self.labels.items()}
        return {
            "channels": dict(self.channels),
            "labels": labels,
            "targets": dict(self.targets),
            "inputs": {name: one.model_dump(mode="json") for name, one in self.inputs.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Blueprint:
        """Return the blueprint that ``to_json`` wrote."""
        labels = {head: LabelMap.from_json(one) for head, one in content["labels"].items()}
        inputs = {n: InputSpec.model_validate(one) for n, one in content["inputs"].items()}
        return cls(content["channels"], labels, content["targets"], inputs)


def resolve_labels(config: Config, dataset: Dataset) -> Config:
    """Return the configuration with aligned classes and the dataset's open parameters filled in.

    A run keeps the result, so the model can be used and retrained without word vectors.

    Raises: ConfigError if classes cannot be aligned.
    """
    labels = {name: head.labels for name, head in config.pipeline.heads.items()}
    for name, head in config.pipeline.heads.items():
        with config.at("heads", name, "labels", "align"):
            if head.labels.align is not None:
                # This imports word vectors, which few configurations need.
                from .alignment import resolved_labels  # noqa: PLC0415

                found = dataset.labels[_target(name, head, dataset)]
                labels[name] = resolved_labels(found, head.labels)

    def resolved(pipeline: PipelineConfig) -> PipelineConfig:
        heads = {
            name: head.model_copy(update={"labels": labels[name]})
            for name, head in pipeline.heads.items()
        }
        parameters = pipeline.dataset.given(resolved_parameters(dataset))
        return pipeline.model_copy(update={"heads": heads, "dataset": parameters})

    return config.with_pipelines(resolved)


def resolve_decoders(config: Config, model: SegmentationModel) -> Config:
    """Return the configuration with the parameters that the model's decoders resolved."""
    heads = dict(config.pipeline.heads)
    for name, head in heads.items():
        found = head.decoder.given(resolved_parameters(model.heads[name]))
        heads[name] = head.model_copy(update={"decoder": found})
    return replace(config, pipeline=config.pipeline.model_copy(update={"heads": heads}))


def make_blueprint(config: Config, dataset: Dataset) -> Blueprint:
    """Return the labels and inputs that a configuration with resolved labels takes from a dataset.

    Raises: ConfigError if a head or a stream asks for something that the dataset does not have, or
    if a head has no classes.
    """
    labels, targets = {}, {}
    for name, head in config.pipeline.heads.items():
        with config.at("heads", name):
            targets[name] = _target(name, head, dataset)
        with config.at("heads", name, "labels"):
            labels[name] = merge_labels(dataset.labels[targets[name]], head.labels)
        labels[name] = _with_added(config, name, labels[name])
        with config.at("heads", name, "labels"):
            LabelSpace(labels[name])  # raises for a map that no model can learn
    for name, stream in config.pipeline.streams.items():
        with config.at("streams", name, "input"):
            for name_of_input in stream.inputs:
                _require("input", name_of_input, dataset.channels)
    return Blueprint(dict(dataset.channels), labels, targets, input_specs(dataset))


def with_added(config: Config, blueprint: Blueprint) -> Blueprint:
    """Return the blueprint with the classes that the configuration adds under ``zero_shot``.

    Raises: ConfigError for a raw id that another class already uses.
    """
    labels = {head: _with_added(config, head, one) for head, one in blueprint.labels.items()}
    return replace(blueprint, labels=labels)


def _with_added(config: Config, head: str, labels: LabelMap) -> LabelMap:
    section = config.pipeline.heads[head].zero_shot
    added = {raw_id(key): name for key, name in section.added.items()} if section else {}
    with config.at("heads", head, "zero_shot", "added"):
        for raw, name in added.items():
            if labels.ids.get(raw, name) != name:
                raise PluxelError(f"the raw id {raw} already means '{labels.ids[raw]}'")
    return replace(labels, ids={**labels.ids, **added})


def _target(name: str, head: HeadConfig, dataset: Dataset) -> str:
    if head.target is None and len(dataset.labels) == 1:
        return next(iter(dataset.labels))
    target = head.target or name
    _require("label map", target, dataset.labels)
    return target


def _require(what: str, name: str, available: Mapping[str, object]) -> None:
    if name not in available:
        raise PluxelError(f"the dataset has no {what} {name!r}; it has {', '.join(available)}")


def merge_labels(label_map: LabelMap, config: LabelsConfig) -> LabelMap:
    """Return the dataset's label map with the changes of the configuration.

    Raises: LabelError for a color as a key if the masks hold ids, for an entry of ``palette`` or
    ``new_classes`` that is not a class, and for a new class that resembles an existing one but is
    not listed in ``new_classes``.
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
    """Reject 'raod' beside 'road'. A class whose old name is gone entirely may be renamed."""
    others = {*(name for name in ids.values() if name in known), IGNORE}
    for name in config.map.values():
        if name in others or name in config.new_classes:
            continue
        if hint := did_you_mean(name, sorted(others)):
            raise LabelError(
                f"the label map has an unknown class '{name}'.{hint} "
                "(If the name is correct, list it in labels.new_classes.)"
            )
