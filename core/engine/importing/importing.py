"""Write the run directory of a published network from its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ....registry import Host, PluxelError
from ...common.numerics import not_finite
from ...config._config import Config
from ...contracts.inputs import InputKind, InputSpec
from ...contracts.labels import LabelMap, LabelSpace
from ...model.blueprint import Blueprint, make_blueprint
from ...model.build import build_without_memory
from ...model.stand_in import declared_blueprint
from ...model.weights import first_names
from ..preparation import open_role
from .foreign import ForeignWeights, State
from .kernels import TOLERANCE, distance_from_bilinear, kernel_notes, kernel_per_class
from .published import SKIPS, PublishedNetwork, nearest_network
from .recipe import Recipe, configuration, recipe_of
from .renaming import own_tensors
from .writing import Imported, claimed, write_run

KINDS: Mapping[str, InputKind] = {"image": "color", "hha": "hha", "depth": "depth"}
"""Input of the release -> what it is, which determines how it is normalized."""

NYUDV2 = "nyudv2"
"""The data of the networks with one input that see either color or HHA."""

AT_ONCE = (0.01, 0.0001)
"""Factors on the features of pool4 and pool3 in FCN-8s at-once (PAMI 2016, section 4.3)."""


def import_weights(
    weights: ForeignWeights,
    directory: Path,
    overrides: Sequence[str] = (),
    *,
    overwrite: bool = False,
    host: Host,
) -> Imported:
    """Write a run whose network computes what the published one does.

    ``overrides``: of its configuration, such as ``dataset.voc=VOCdevkit``. ``overwrite``: replace
    the files of an existing run.

    Raises: PluxelError if the tensors are not those of a published network, or if the import would
    overwrite other files; ConfigError for a mistake in the overrides. Nothing is written then.
    """
    file, state, run = weights.file, weights.state, claimed(directory, overwrite)
    network = nearest_network(
        (name.rpartition(".")[0] for name in state), at_once=weights.is_at_once
    )
    _check_names(file, state, network)
    _check_values(file, state)
    scales = _skip_scales(weights, network)
    kernels = {
        head: {layer: _kernels(file, layer, state) for layer in network.deconvolutions(head)}
        for head in network.heads
    }
    unusual = {
        layer: one
        for found in kernels.values()
        for layer, one in found.items()
        if distance_from_bilinear(one) > TOLERANCE
    }
    learned = bool(unusual)
    classes = {
        head: len(state[f"{network.score_layers(head, stream)[0]}.bias"])
        for head in network.heads
        for stream in network.streams
    }
    recipe = _recipe(weights, network, [*classes.values()], overrides)
    config = configuration(network, recipe, scales, overrides, learned=learned, host=host)
    blueprint = _blueprint(config, file, classes)
    model = build_without_memory(config, blueprint)
    by_head = {head: [*found.values()] for head, found in kernels.items()} if learned else {}
    own = own_tensors(model, state, network, by_head, file)
    name = config.pipeline.dataset.component.name
    notes = [*kernel_notes(file, unusual), *_input_notes(weights, network, name)]
    return write_run(run, str(network), model, own, config, blueprint, notes)


def _check_names(file: Path, state: State, network: PublishedNetwork) -> None:
    expected = network.tensors()
    lacking = [name for name in expected if name not in state]
    extra = [name for name in state if name not in expected]
    if not lacking and not extra:
        return
    layers = dict.fromkeys(name.rpartition(".")[0] for name in lacking)
    parts = [f"it lacks {_listed(layers)}"] if lacking else []
    unknown = dict.fromkeys(name.rpartition(".")[0] for name in extra)
    parts += [f"it also has {_listed(unknown)}"] if extra else []
    notes = ["known are FCN-32s, 16s, 8s and 8s at-once on VGG16, and FCN-32s on AlexNet"]
    if any(name.startswith(("fc8", "loss", "classifier")) for name in unknown):
        notes.append("the weights of a classifier start a training:  backbone.pretrained=FILE")
    raise PluxelError(f"{file} is not {network}: {'; '.join(parts)}", notes)


def _listed(layers: Mapping[str, None]) -> str:
    return first_names([*layers])


def _check_values(file: Path, state: State) -> None:
    if (name := not_finite(state, {*state})) is not None:
        raise PluxelError(f"{file}: the values of {name} are not finite")


def _skip_scales(weights: ForeignWeights, network: PublishedNetwork) -> Sequence[float]:
    """Return the constant factors on the features of the skips."""
    if layers := network.scale_layers:
        if weights.at_once is False:
            raise PluxelError(
                f"{weights.file} scales its skips, in the layers {', '.join(layers)}, so it was "
                "trained at once: leave out --staged"
            )
        return [_constant(weights.file, name, weights.state[f"{name}.weight"]) for name in layers]
    if weights.is_at_once and not network.at_once:
        raise PluxelError(f"{weights.file} is {network}; only FCN-8s is trained at once")
    return AT_ONCE if network.at_once else [1.0] * len(SKIPS[network.stride])


def _constant(file: Path, layer: str, values: Tensor) -> float:
    first = float(values.flatten()[0])
    if not torch.all(values == values.flatten()[0]):
        raise PluxelError(
            f"{file}: layer {layer} scales each channel by another factor; the published network "
            "scales all by one"
        )
    # Of float32, so that 0.01 is written as 0.01.
    return float(f"{first:.7g}")


def _kernels(file: Path, layer: str, state: State) -> Tensor:
    try:
        kernels = kernel_per_class(layer, state[f"{layer}.weight"])
    except PluxelError as error:
        raise PluxelError(f"{file}: {error.message}", error.notes) from error
    is_last = not layer.startswith(("upscore2", "upscore_pool4"))
    if is_last and (distance := distance_from_bilinear(kernels)) > TOLERANCE:
        raise PluxelError(
            f"{file}: layer {layer} differs from bilinear interpolation by up to {distance:.3g}; "
            "the last upsampling is always bilinear here, as in the published networks"
        )
    return kernels


def _inputs(weights: ForeignWeights, network: PublishedNetwork) -> list[str]:
    """Return the inputs of all streams."""
    found = [name for inputs in network.inputs().values() for name in inputs]
    return ["hha"] if weights.sees_hha and found == ["image"] else found


def _input_notes(weights: ForeignWeights, network: PublishedNetwork, dataset: str) -> Iterator[str]:
    """Yield a note if it is unknown whether a network of indoor scenes sees color or HHA."""
    is_one = _inputs(weights, network) == ["image"]
    if is_one and dataset == NYUDV2 and not weights.says_its_input:
        yield (
            f"{weights.file.name} does not say whether it sees color or HHA: it is taken as color; "
            "if it sees HHA, give --input hha"
        )


def _recipe(
    weights: ForeignWeights,
    network: PublishedNetwork,
    classes: Sequence[int],
    overrides: Sequence[str],
) -> Recipe:
    names_data = any(text.partition("=")[0].strip() == "dataset" for text in overrides)
    inputs = _inputs(weights, network)
    try:
        return recipe_of(network, classes, inputs, names_data=names_data)
    except PluxelError as error:
        raise PluxelError(f"{weights.file}: {error.message}", error.notes) from error


def _blueprint(config: Config, file: Path, classes: Mapping[str, int]) -> Blueprint:
    """Return the labels of the data, which must be as many as the network scores."""
    found = declared_blueprint(config)
    if found is None:  # the classes depend on files
        found = make_blueprint(config, open_role(config, next(iter(config.pipeline.splits))))
    for head, count in classes.items():
        _check_classes(config, file, head, found.labels[head], count)
    names = [name for stream in config.pipeline.streams.values() for name in stream.inputs]
    specs = {name: InputSpec(kind=KINDS.get(name, "color")) for name in names}
    channels = {name: spec.rules.channels for name, spec in specs.items()}
    return replace(found, channels=channels, inputs=specs)


def _check_classes(config: Config, file: Path, head: str, labels: LabelMap, count: int) -> None:
    own = LabelSpace(labels).num_classes
    if own != count:
        with config.at("dataset"):
            raise PluxelError(
                f"{config.pipeline.dataset} has {own} classes for head '{head}', but {file} "
                f"scores {count}"
            )
