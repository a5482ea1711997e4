"""Give published tensors the names and shapes of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

from torch import Tensor

from ....registry import PluxelError
from ...contracts.offers import offers
from ...contracts.optional import ConvertsNames
from ...model.network import SegmentationModel
from ...model.weights import compared, first_names
from .published import PublishedNetwork

Named = tuple[str, str, Tensor]
"""The name of a tensor in a model, its published name, and its values."""


def own_tensors(
    model: SegmentationModel,
    state: Mapping[str, Tensor],
    network: PublishedNetwork,
    kernels: Mapping[str, Sequence[Tensor]],
    file: Path,
) -> dict[str, Tensor]:
    """Return all tensors of a model, float32, from those of a published network.

    ``model``: without memory for weights. ``kernels``: of learned upsampling, by head.

    Raises: PluxelError if a tensor is missing or of another shape. ``file`` names their origin.
    """
    named = [
        *_backbones(model, state, network),
        *_scores(state, network),
        *_kernels(network, kernels),
    ]
    return complete(model, named, str(network), file)


def complete(
    model: SegmentationModel, named: Iterable[Named], network: str, file: Path
) -> dict[str, Tensor]:
    """Return all tensors of a model, float32: those given, and its normalization.

    ``model``: without memory for weights. ``network``: its name, for errors.

    Raises: PluxelError if a tensor is missing or of another shape. ``file`` names their origin.
    """
    named = list(named)
    own = {name: value.float() for name, _, value in named} | _normalizations(model)
    report = compared(model.state_dict(), own)
    published = {name: foreign for name, foreign, _ in named}
    expected = model.state_dict()
    wrong = [
        f"{published[name]} is {_shape(own[name])}, not {_shape(expected[name])}"
        for name in report.mismatched
    ]
    wrong += [f"{name} is missing" for name in report.missing]
    wrong += [f"{published.get(name, name)} has no place" for name in report.unexpected]
    if wrong:
        raise PluxelError(
            f"{file} has weights of other shapes than {network}: {first_names(wrong)}"
        )
    return own


def _backbones(
    model: SegmentationModel, state: Mapping[str, Tensor], network: PublishedNetwork
) -> Iterator[Named]:
    for stream in network.streams:
        backbone = model.streams[stream].backbone
        if not offers(backbone, ConvertsNames):
            raise PluxelError(
                f"the backbone of stream '{stream}' cannot hold {network}: it has no own_names, "
                "which converts the names of published weights"
            )
        for layer, plain in network.trunk_layers(stream).items():
            for kind in ("weight", "bias"):
                value = state[f"{layer}.{kind}"]
                found = backbone.own_names({f"{plain}.{kind}": value})
                for name, renamed in found.items():
                    yield f"streams.{stream}.backbone.{name}", f"{layer}.{kind}", renamed


def _scores(state: Mapping[str, Tensor], network: PublishedNetwork) -> Iterator[Named]:
    for head in network.heads:
        for stream in network.streams:
            for index, layer in enumerate(network.score_layers(head, stream)):
                place = f"skip_scores.{index - 1}" if index else "score"
                for kind in ("weight", "bias"):
                    foreign = f"{layer}.{kind}"
                    yield f"heads.{head}.decoders.{stream}.{place}.{kind}", foreign, state[foreign]


def _kernels(network: PublishedNetwork, kernels: Mapping[str, Sequence[Tensor]]) -> Iterator[Named]:
    for head, found in kernels.items():
        for stream in network.streams:
            layers = network.deconvolutions(head)[:-1]
            for index, (layer, kernel) in enumerate(zip(layers, found, strict=False)):
                name = f"heads.{head}.decoders.{stream}.upsampling.{index}.weight"
                yield name, f"{layer}.weight", kernel


def _normalizations(model: SegmentationModel) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, stream in model.streams.items():
        normalize = deepcopy(stream.normalize).to_empty(device="cpu")  # the model has no values
        normalize.adopt(stream.backbone.normalization)
        found |= {f"streams.{name}.normalize.{k}": v for k, v in normalize.state_dict().items()}
    return found


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))
