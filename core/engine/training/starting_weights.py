"""Load the weights that a training starts from: pretrained ones, those of a run, or of several."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ....registry import PluxelError
from ...common.logs import logger
from ...config._config import Config
from ...config.tree.nodes import Segment
from ...contracts.labels import LabelSpace
from ...contracts.offers import input_channels, offers
from ...contracts.optional import AdaptsState, LoadsPretrained
from ...model.class_rows import ClassChange, with_rows_by_name
from ...model.network import SegmentationModel, Stream
from ...model.weight_reading import StateDict, read_state_dict
from ...model.weights import (
    LoadReport,
    adapt_input_layers,
    adapted,
    check_any_fits,
    compared,
    copy_matching,
    loaded_share,
)
from ..trained import classes_of, weights_file


@dataclass(frozen=True)
class StartingWeights:
    """Weights under the names of the model that they start.

    ``source``: as the configuration names it; ``place``: where. ``classes``: of each head that the
    weights have classes for.
    """

    source: Path
    place: tuple[Segment, ...]
    state: StateDict
    classes: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(
        cls, source: Path, model: SegmentationModel, stream: str | None = None
    ) -> StartingWeights:
        """Read a run or a file of weights; ``stream``: the only stream that they start.

        Raises: PluxelError if the file does not exist or cannot be read, or if it has several
        streams, of which none has the name of ``stream``.
        """
        file = weights_file(source)
        state, classes = read_state_dict(file), classes_of(file)
        if stream is not None:
            theirs = _only_stream(stream, _names(state, "streams"), source)
            heads = _same_heads(model.heads, _names(state, "heads"))
            state = dict(_renamed(state, (theirs, stream), heads))
            classes = {heads[head]: names for head, names in classes.items() if head in heads}
        return cls(source, _place(stream), with_more_channels(model, state), classes)

    def without_others(self, report: LoadReport) -> LoadReport:
        """Return a report without the missing weights of streams that these do not start."""
        if len(self.place) == 1:
            return report
        stream = f".{self.place[-1]}."
        return replace(report, missing=[name for name in report.missing if stream in name])


def load_initial_weights(
    config: Config,
    model: SegmentationModel,
    spaces: Mapping[str, LabelSpace],
    source: Path | Mapping[str, Path] | None,
    alone: Callable[[], AbstractContextManager[object]],
) -> dict[str, Sequence[str]]:
    """Load pretrained weights, and then those of ``source``, into a new model.

    Returns the `new_classes`. ``source``: a run or a file of weights, or one for each of some
    streams. ``alone``: lets one process after another run a block, which may download.

    Raises: ConfigError for weights that are missing or cannot be read, or if none fit.
    """
    sources = starting_weights(config, model, source)
    known = {key for one in sources for key in one.state}
    for name, stream in model.streams.items():
        keys = {f"streams.{name}.{key}" for key in stream.state_dict()}
        backbone = stream.backbone
        if not offers(backbone, LoadsPretrained) or keys <= known:
            continue  # init_from replaces all of these weights: download none
        with config.at("streams", name, "backbone"), alone():
            report = backbone.load_pretrained()
        stream_of = f" of stream '{name}'" if len(model.streams) > 1 else ""
        logger.info("backbone%s: %s", stream_of, report or "random weights")
        stream.adopt_normalization()
    for one in sources:
        with config.at(*one.place):
            _adopt(one, config, model, spaces)
    for name, head in model.heads.items():
        for decoder in head.decoders.values():
            if not offers(decoder, LoadsPretrained):
                continue  # training changes all of its weights
            with config.at("heads", name, "decoder"), alone():
                logger.info("decoder: %s", decoder.load_pretrained())
    return new_classes(sources, model, spaces)


def new_classes(
    sources: Sequence[StartingWeights], model: SegmentationModel, spaces: Mapping[str, LabelSpace]
) -> dict[str, Sequence[str]]:
    """Return the classes of each head whose scores start anew, as far as it is known.

    Empty for heads that score classes by their names.
    """
    found: dict[str, Sequence[str]] = {}
    for head, space in spaces.items():
        if any(offers(one, AdaptsState) for one in model.heads[head].decoders.values()):
            continue
        known = {name for one in sources for name in one.classes.get(head, ())}
        has_scores = any(key.startswith(f"heads.{head}.") for one in sources for key in one.state)
        if known or not has_scores:
            found[head] = [name for name in space.class_names if name not in known]
    return found


def _adopt(
    weights: StartingWeights,
    config: Config,
    model: SegmentationModel,
    spaces: Mapping[str, LabelSpace],
) -> None:
    changes = _class_changes(weights, spaces)
    state = with_rows_by_name(config, model, weights.state, changes)
    state = adapted(model, state)
    check_any_fits(model, state, weights.source)
    report = copy_matching(model, _without_normalization(model, state), weights.source)
    logger.info("from %s: %s", weights.source, weights.without_others(report))


def _class_changes(
    weights: StartingWeights, spaces: Mapping[str, LabelSpace]
) -> dict[str, ClassChange]:
    """Return the heads whose classes have other names or another order in the weights."""
    before = weights.classes
    changes = {
        head: ClassChange(before[head], space.class_names)
        for head, space in spaces.items()
        if head in before and before[head] != space.class_names
    }
    for head, change in changes.items():
        logger.info("from %s: classes of head '%s' by name: %s", weights.source, head, change)
    return changes


def _without_normalization(
    model: SegmentationModel, state: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Return the weights after each stream has adopted the normalization that belongs to them.

    It comes with most of a backbone. What the configuration states is kept.
    """
    kept = dict(state)
    for name, stream in model.streams.items():
        prefix = f"streams.{name}."
        own = {k.removeprefix(prefix): v for k, v in kept.items() if k.startswith(prefix)}
        report = compared(stream.state_dict(), own)
        saved = {key: f"normalize.{key}" for key in stream.normalize.state_dict()}
        comes_along = loaded_share(stream, report) >= 0.5
        is_given = any(part.normalization for part in stream.parts)
        if is_given and comes_along and {*saved.values()} <= {*report.loaded}:
            stream.normalize.adopt_saved({key: own[name] for key, name in saved.items()})
        if is_given or not comes_along:
            kept = {k: v for k, v in kept.items() if not k.startswith(f"{prefix}normalize.")}
    return kept


def starting_weights(
    config: Config, model: SegmentationModel, source: Path | Mapping[str, Path] | None
) -> list[StartingWeights]:
    """Return the weights of a run for all streams, or those of a run for each of some streams.

    Raises: ConfigError for weights that are missing or cannot be read.
    """
    found = []
    streams = source if isinstance(source, Mapping) else {} if source is None else {None: source}
    for stream, path in streams.items():
        with config.at(*_place(stream)):
            found.append(StartingWeights.read(path, model, stream))
    return found


def _place(stream: str | None) -> tuple[Segment, ...]:
    return ("init_from",) if stream is None else ("init_from", stream)


def _names(state: Iterable[str], section: str) -> list[str]:
    parts = (key.split(".") for key in state)
    return sorted({part[1] for part in parts if part[0] == section and len(part) > 2})


def _only_stream(stream: str, available: Collection[str], source: Path) -> str:
    if stream in available or len(available) == 1:
        return stream if stream in available else next(iter(available))
    if not available:
        raise PluxelError(
            f"{source} has no streams: only weights that pluxel train or pluxel import wrote can "
            "start a single stream"
        )
    raise PluxelError(
        f"{source} has the streams {', '.join(available)}: none is called '{stream}', so it is "
        "not known which of them to copy"
    )


def _same_heads(own: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Return head of the weights -> head of the model: of equal names, or the only ones."""
    if len(own) == len(theirs) == 1:
        return {next(iter(theirs)): next(iter(own))}
    return {name: name for name in theirs if name in own}


def _renamed(
    state: StateDict, streams: tuple[str, str], heads: Mapping[str, str]
) -> Iterable[tuple[str, Tensor]]:
    """Yield the weights of one stream, and of its decoders, under new names."""
    theirs, own = streams
    for key, value in state.items():
        match key.split("."):
            case ["streams", name, *rest] if name == theirs:
                yield ".".join(["streams", own, *rest]), value
            case ["heads", head, part, name, *rest] if name == theirs and head in heads:
                yield ".".join(["heads", heads[head], part, own, *rest]), value


def with_more_channels(model: SegmentationModel, state: StateDict) -> StateDict:
    """Return the weights, extended for streams that stack further inputs behind those of the state.

    New filters start as the backbone's ``input_channels`` says, by default as the mean. The
    normalization of the first inputs is kept.
    """
    found = dict(state)
    for name, stream in model.streams.items():
        prefix = f"streams.{name}."
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        count = len(own.get("normalize.order", ()))
        if count in _boundaries(stream):
            method = input_channels(stream.backbone)
            adapted = adapt_input_layers(own, stream, stream.channels, method)
            for key, value in stream.normalize.state_dict(prefix="normalize.").items():
                adapted[key] = torch.cat([own[key], _real(value[count:]).to(own[key])])
            found |= {prefix + key: value for key, value in adapted.items()}
    return found


def _boundaries(stream: Stream) -> list[int]:
    """Return the channels of the first input, of the first two, and so on, but not of all."""
    counts = [part.channels for part in stream.parts]
    return [sum(counts[:end]) for end in range(1, len(counts))]


def _real(tensor: Tensor) -> Tensor:
    """Return a tensor with memory: checks build models without."""
    return torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor
