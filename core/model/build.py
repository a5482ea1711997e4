"""From a validated configuration to a model, its label spaces and its objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...registry import PluxelError
from ..config._config import Config
from ..config.sections.factory import Factory
from ..config.sections.pipeline import HeadConfig, StreamConfig
from ..config.tree.problems import Problem
from ..contracts.kinds import Backbone, Dataset, Decoder, settled
from ..contracts.labels import LabelMap, LabelSpace, raw_id
from ..data.splits import MissingData, open_split
from ..geometry.grid import StrideError
from .alignment import resolved_labels
from .network import Head, SegmentationModel, Stream
from .objective import Objective
from .zero_shot import SeenClasses


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


def settle(config: Config, dataset: Dataset) -> Config:
    """Return the configuration with what it leaves to be found out: which classes mean the same.

    What a run keeps, so that it is used, and repeated, without the words.

    Raises: ConfigError where classes cannot be aligned.
    """
    pipeline = config.pipeline
    heads = dict(pipeline.heads)
    for name, head in heads.items():
        with config.at("heads", name, "labels", "align"):
            if head.labels.align is not None:
                labels = resolved_labels(dataset.labels[_target(name, head, dataset)], head.labels)
                heads[name] = head.model_copy(update={"labels": labels})
    found = {"heads": heads, "dataset": pipeline.dataset.given(settled(dataset))}
    return replace(config, pipeline=pipeline.model_copy(update=found))


def resolve_decoders(config: Config, model: SegmentationModel) -> Config:
    """Return the configuration with what the decoders of a model had to find out."""
    heads = dict(config.pipeline.heads)
    for name, head in heads.items():
        found = head.decoder.given(settled(model.heads[name]))
        heads[name] = head.model_copy(update={"decoder": found})
    return replace(config, pipeline=config.pipeline.model_copy(update={"heads": heads}))


def make_blueprint(config: Config, dataset: Dataset) -> Blueprint:
    """Settle which labels and inputs the configuration takes from the dataset.

    Raises: ConfigError where a head or a stream asks for what the dataset does not have.
    """
    config = settle(config, dataset)
    labels, targets = {}, {}
    for name, head in config.pipeline.heads.items():
        with config.at("heads", name):
            targets[name] = _target(name, head, dataset)
        with config.at("heads", name, "labels"):
            labels[name] = LabelSpace.merged(dataset.labels[targets[name]], head.labels).label_map
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


def build_model(config: Config, blueprint: Blueprint) -> SegmentationModel:
    """Build streams and heads with fresh weights.

    Raises: ConfigError, at the component's place in the file, where two parts do not fit.
    """
    streams = {}
    for name, stream in config.pipeline.streams.items():
        inputs = inputs_of(stream)
        channels = sum(blueprint.channels[one] for one in inputs)
        with config.at("streams", name, "backbone"):
            streams[name] = Stream(inputs, channels, stream.backbone(in_channels=channels))
    spaces = blueprint.label_spaces()
    heads = {
        name: _build_head(config, name, streams, spaces[name])
        for name, head in config.pipeline.heads.items()
    }
    model = SegmentationModel(streams, heads)
    for stream in streams.values():
        stream.adopt_normalization()
    return model


def _build_head(
    config: Config, name: str, streams: Mapping[str, Stream], space: LabelSpace
) -> Head:
    head, decoders = config.pipeline.heads[name], {}
    for stream in head.streams or streams:
        backbone = streams[stream].backbone
        described = config.pipeline.streams[stream].backbone
        with config.at("heads", name, "decoder"), _naming(head.decoder, described):
            decoders[stream] = head.decoder(
                features=backbone.feature_specs,
                num_classes=space.num_classes,
                class_names=space.class_names,
                backbone=backbone,
                in_channels=streams[stream].channels,
            )
    built = Head(
        decoders,
        head.fusion,
        on_images=head.decoder.wants("backbone"),
        offsets=_calibration(config, name, space),
    )
    if head.zero_shot is not None:
        with config.at("heads", name, "zero_shot"):
            _check_scores_by_name(built, head.decoder)
    return built


def _check_scores_by_name(head: Head, decoder: Factory[Decoder]) -> None:
    """Refuse a decoder that learns each class from its pixels: of unseen ones there are none."""
    if not all(hasattr(one, "adapt_state") for one in head.decoders.values()):
        raise PluxelError(
            f"{decoder} learns classes from their pixels alone, and unseen ones have none; "
            "semantic_projection scores classes by their names"
        )


def _calibration(config: Config, head: str, space: LabelSpace) -> list[float] | None:
    """Return what is added to the scores of each class when the model is used, or None."""
    section, seen = config.pipeline.heads[head].zero_shot, seen_classes(config, head, space)
    if section is None or seen is None or not section.calibration:
        return None
    return [0.0 if i in seen.unseen else -section.calibration for i in range(space.num_classes)]


def seen_classes(config: Config, head: str, space: LabelSpace) -> SeenClasses | None:
    """Return which classes the loss of a head sees; None where it sees all.

    Raises: ConfigError for an unseen class that there is not, and if all are unseen.
    """
    section = config.pipeline.heads[head].zero_shot
    if section is None:
        return None
    with config.at("heads", head, "zero_shot", "unseen"):
        return SeenClasses.of(space, {*section.unseen, *section.added.values()})


@contextmanager
def _naming(decoder: Factory[Decoder], backbone: Factory[Backbone]) -> Iterator[None]:
    """Say of strides that are missing which decoder wants them, and which backbone has others."""
    try:
        yield
    except StrideError as error:
        model = backbone.params.get("model")
        detail = f" ({model})" if isinstance(model, str) else ""
        raise PluxelError(
            error.said_of(
                f"decoder '{decoder.component.name}'",
                f"backbone '{backbone.component.name}'{detail}",
            )
        ) from error


def build_objective(
    config: Config,
    spaces: Mapping[str, LabelSpace],
    frequencies: Callable[[str], Sequence[int]],
) -> Objective:
    """Build the losses; ``frequencies(head)`` is called only by those that weigh classes by it."""
    losses, seen = {}, {}
    for name, head in config.pipeline.heads.items():
        space = spaces[name]
        if (some := seen_classes(config, name, space)) is not None:
            seen[name] = some
        names = some.of_each(space.class_names) if some else space.class_names
        with config.at("heads", name, "loss"):
            losses[name] = head.loss(
                num_classes=len(names),
                ignore_index=space.ignore_index,
                class_names=names,
                class_frequencies=partial(_frequencies, frequencies, name, some),
            )
    weights = {name: head.weight for name, head in config.pipeline.heads.items()}
    return Objective(losses, weights, seen)


def _frequencies(
    frequencies: Callable[[str], Sequence[int]], head: str, seen: SeenClasses | None
) -> Sequence[int]:
    counts = frequencies(head)
    return seen.of_each(counts) if seen else counts


def blueprint_or_stand_in(config: Config, dataset: Dataset | None) -> Blueprint:
    """Return the blueprint of a dataset, or of a stand-in for one that is not there."""
    return _stand_in(config) if dataset is None else make_blueprint(config, dataset)


def look_at_data(config: Config) -> tuple[Dataset | None, str | None]:
    """Return the first split that is there, and what is to be said of the first that is not.

    Raises: ConfigError at ``dataset`` for what is wrong, rather than on another machine.
    """
    found: list[Dataset] = []
    missing: list[Problem] = []
    for split in dict.fromkeys(config.pipeline.splits.values()):
        with config.at("dataset"):
            try:
                found.append(open_split(lambda name: config.pipeline.dataset(split=name), split))
            except MissingData as error:
                place = config.locate(("dataset",))
                missing.append(Problem(place, error.message, error.notes))
    return next(iter(found), None), str(missing[0]) if missing else None


def _stand_in(config: Config) -> Blueprint:
    """Return a blueprint of three channels an input, and two classes a head and those it names."""
    inputs = {name for stream in config.pipeline.streams.values() for name in inputs_of(stream)}
    labels = {}
    for name, head in config.pipeline.heads.items():
        section = head.zero_shot
        named = [*section.unseen, *section.added.values()] if section else []
        labels[name] = LabelMap(dict(enumerate(dict.fromkeys(["first", "second", *named]))))
    return Blueprint(dict.fromkeys(inputs, 3), labels, dict.fromkeys(labels, "semantic"))
