"""Build a model and its training objective from a validated configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from ...registry import Host, PluxelError
from ..config._config import Config
from ..config.sections.factory import Factory
from ..contracts.kinds import Backbone, Decoder
from ..contracts.labels import LabelSpace
from ..contracts.offers import offering, offers
from ..contracts.optional import AdaptsState
from ..geometry.grid import StrideError
from .blueprint import Blueprint
from .network import Head, SegmentationModel, Stream
from .normalize import InputPart
from .objective import Objective
from .zero_shot import SeenClasses


def build_model(config: Config, blueprint: Blueprint) -> SegmentationModel:
    """Build streams and heads with fresh weights, and call the hook ``pluxel_model_built``.

    A model without memory for weights is not reported: it only serves checks.

    Raises: ConfigError that locates the component in the file if two parts do not fit together.
    """
    streams = {}
    for name, stream in config.pipeline.streams.items():
        parts = [
            InputPart(
                one, blueprint.channels[one], blueprint.spec(one), stream.normalization_of(one)
            )
            for one in stream.inputs
        ]
        with config.at("streams", name, "backbone"):
            backbone = stream.backbone(in_channels=sum(part.channels for part in parts))
        streams[name] = Stream(parts, backbone)
    spaces = blueprint.label_spaces()
    heads = {
        name: _build_head(config, name, streams, spaces[name])
        for name, head in config.pipeline.heads.items()
    }
    model = SegmentationModel(streams, heads)
    for name, stream in streams.items():
        with config.at("streams", name):
            stream.adopt_normalization()
    hook, has_weights = "pluxel_model_built", not any(one.is_meta for one in model.parameters())
    if has_weights and config.host.listens(hook):
        config.host.notify(hook, model=model, config=config.plain())
    return model


def build_without_memory(config: Config, blueprint: Blueprint) -> SegmentationModel:
    """Build the model on the device ``meta``, where weights have shapes but no values.

    Raises: ConfigError, as `build_model` does.
    """
    with torch.device("meta"):
        return build_model(config, blueprint)


def _build_head(
    config: Config, name: str, streams: Mapping[str, Stream], space: LabelSpace
) -> Head:
    head = config.pipeline.heads[name]
    built = Head(
        build_decoders(config, name, streams, space.class_names),
        head.fusion,
        on_images=head.decoder.wants("backbone"),
        seen=_seen_classes(config, name, space),
    )
    if built.seen is not None:
        with config.at("heads", name, "zero_shot"):
            _check_scores_by_name(built, head.decoder, config.host)
    return built


def build_decoders(
    config: Config, name: str, streams: Mapping[str, Stream], class_names: Sequence[str]
) -> dict[str, Decoder]:
    """Build the decoder of a head for each stream that it reads."""
    head, decoders = config.pipeline.heads[name], {}
    for stream in head.streams or streams:
        backbone = streams[stream].backbone
        described = config.pipeline.streams[stream].backbone
        with config.at("heads", name, "decoder"):
            try:
                decoders[stream] = head.decoder(
                    features=backbone.feature_specs,
                    num_classes=len(class_names),
                    class_names=class_names,
                    backbone=backbone,
                    in_channels=streams[stream].channels,
                )
            except StrideError as error:
                raise _with_names(error, head.decoder, described) from error
    return decoders


def _check_scores_by_name(head: Head, decoder: Factory[Decoder], host: Host) -> None:
    """Reject a decoder that learns each class from its pixels: unseen classes have no pixels."""
    if not all(offers(one, AdaptsState) for one in head.decoders.values()):
        others = ", ".join(one.name for one, _ in offering(host, "decoder", AdaptsState))
        raise PluxelError(
            f"{decoder} learns each class from its pixels, but unseen classes have none; decoders "
            f"that score classes by their names: {others or 'none is available'}"
        )


def _seen_classes(config: Config, head: str, space: LabelSpace) -> SeenClasses | None:
    """Return the classes that a head's loss covers; None if it covers all of them.

    Raises: ConfigError for an unseen class that does not exist, and if all classes are unseen.
    """
    section = config.pipeline.heads[head].zero_shot
    if section is None:
        return None
    with config.at("heads", head, "zero_shot", "unseen"):
        return SeenClasses.of(
            space, {*section.unseen, *section.added.values()}, section.calibration
        )


def _with_names(
    error: StrideError, decoder: Factory[Decoder], backbone: Factory[Backbone]
) -> PluxelError:
    """Return an error about missing strides that names the decoder and the backbone."""
    model = backbone.params.get("model")
    detail = f" ({model})" if isinstance(model, str) else ""
    return PluxelError(
        error.message_for(
            f"decoder '{decoder.component.name}'",
            f"backbone '{backbone.component.name}'{detail}",
        ),
        error.notes,
    )


def build_objective(
    config: Config,
    model: SegmentationModel,
    spaces: Mapping[str, LabelSpace],
    frequencies: Callable[[str], Sequence[int]],
) -> Objective:
    """Build the loss of each head for the classes that are seen in training.

    Only losses that weight classes by frequency call ``frequencies(head)``.
    """
    losses, seen = {}, {}
    for name, head in config.pipeline.heads.items():
        space = spaces[name]
        if (seen_classes := model.heads[name].seen) is not None:
            seen[name] = seen_classes
        names = seen_classes.select(space.class_names) if seen_classes else space.class_names
        with config.at("heads", name, "loss"):
            losses[name] = head.loss(
                num_classes=len(names),
                ignore_index=space.ignore_index,
                class_names=names,
                class_frequencies=partial(_frequencies, frequencies, name, seen_classes),
            )
    weights = {name: head.weight for name, head in config.pipeline.heads.items()}
    if not any(weights.values()):
        with config.at("heads", next(iter(weights)), "weight"):
            raise PluxelError("every head has the weight 0, so nothing is trained")
    return Objective(losses, weights, seen)


def _frequencies(
    frequencies: Callable[[str], Sequence[int]], head: str, seen: SeenClasses | None
) -> Sequence[int]:
    counts = frequencies(head)
    return seen.select(counts) if seen else counts
